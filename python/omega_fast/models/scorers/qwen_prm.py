"""Checkpoints like Qwen2.5-Math-PRM (arXiv 2501.07301): `<extra_0>` behind each step, two classes there.

The model is transformers' Qwen2 with a head of two layers, `score.0` and `score.2`; no code of the checkpoint is run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from transformers.models.qwen2.modeling_qwen2 import Qwen2Model, Qwen2PreTrainedModel

from omega_fast.errors import BackendError, InputError
from omega_fast.models.scorers.forward import Marked, hidden_at
from omega_fast.models.scorers.loading import load_tokenizer, load_with, longest
from omega_fast.models.scorers.options import ScorerOptions
from omega_fast.records import StepScorer

__all__ = ["MARKER", "SYSTEM", "QwenMarker", "QwenProcessRewardModel", "load"]

MARKER = "<extra_0>"
SYSTEM = r"Please reason step by step, and put your final answer within \boxed{}."


class QwenProcessRewardModel(Qwen2PreTrainedModel):  # type: ignore[no-untyped-call]
    """Qwen2 with the published head: hidden to hidden, ReLU, hidden to classes; class 1 is right."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.model = Qwen2Model(config)
        self.score = nn.Sequential(
            nn.Linear(config.hidden_size, config.hidden_size),
            nn.ReLU(),
            nn.Linear(config.hidden_size, config.num_labels),
        )
        self.post_init()  # type: ignore[no-untyped-call]


class QwenMarker:
    """Lays solutions out as the model card does; a `Marker`.

    Attributes:
        token: The id of `<extra_0>`.

    Raises:
        BackendError: The tokenizer has no chat template, or no token `<extra_0>`.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self.token = tokenizer.convert_tokens_to_ids(MARKER)
        if self.token is None or self.token == tokenizer.unk_token_id:
            raise BackendError(f"the tokenizer has no token {MARKER}", hint="give another --shape")
        if not tokenizer.chat_template:
            raise BackendError("the tokenizer has no chat template", hint="give another --shape")

    def __call__(self, problem: str, steps: Sequence[str]) -> Marked:
        """The tokens. Raises `InputError` for a text that holds the marker."""
        turns = [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": problem},
            {"role": "assistant", "content": "".join(step.strip() + MARKER for step in steps)},
        ]
        text = self._tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=False)
        ids = self._tokenizer.encode(text, verbose=False)
        positions = tuple(index for index, id_ in enumerate(ids) if id_ == self.token)
        if len(positions) != len(steps):
            raise InputError(
                f"problem and solution hold the marker {MARKER}, which ends steps",
                hint="leave the solution out",
            )
        return Marked(tuple(ids), positions)


class _QwenScorer:
    def __init__(self, name: str, options: ScorerOptions) -> None:
        self._mark = QwenMarker(load_tokenizer(name, options))
        self._model = load_with(QwenProcessRewardModel, name, options)
        self._limit = longest(name, self._model, options)
        self._batch_tokens = options.batch_tokens

    def score_many(self, solutions: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
        rows = [self._mark(problem, steps).within(self._limit) for problem, steps in solutions]
        scores = []
        with torch.inference_mode():
            for states in hidden_at(self._model.model, rows, self._batch_tokens):
                scores.append(self._model.score(states).float().softmax(-1)[:, 1].tolist())
        return scores


def load(name: str, options: ScorerOptions) -> StepScorer:
    """The scorer. Raises `BackendError` if the checkpoint cannot be loaded or is of another shape."""
    return _QwenScorer(name, options)
