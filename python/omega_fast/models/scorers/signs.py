"""What language models that judge by `+` and `-` have in common: the probability of one against the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch

from omega_fast.models.scorers.forward import Marked, hidden_at
from omega_fast.models.scorers.loading import load_language_model, load_tokenizer, longest, sign_ids
from omega_fast.models.scorers.options import ScorerOptions

__all__ = ["Marker", "SignScorer"]


class Marker(Protocol):
    """Lays a solution out for a model and marks the positions whose next token would be `+` or `-`."""

    def __call__(self, problem: str, steps: Sequence[str]) -> Marked:
        """The tokens. Raises `InputError` if the solution cannot be laid out."""
        ...


class SignScorer:
    """A `StepScorer` whose score is softmax of the logits of `+` and `-`, taken at `+`.

    Only these two rows of the output matrix are multiplied.
    """

    def __init__(self, name: str, marker: type[Marker], options: ScorerOptions) -> None:
        tokenizer = load_tokenizer(name, options)
        self._mark = marker(tokenizer)  # type: ignore[call-arg]
        self._signs = sign_ids(tokenizer)
        self._model = load_language_model(name, options)
        self._limit = longest(name, self._model, options)
        self._batch_tokens = options.batch_tokens

    def score_many(self, solutions: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
        """See `StepScorer.score_many`."""
        rows = [self._mark(problem, steps).within(self._limit) for problem, steps in solutions]
        head: Any = self._model.get_output_embeddings()
        matrix = head.weight[self._signs]
        scores = []
        with torch.inference_mode():
            for states in hidden_at(self._model.base_model, rows, self._batch_tokens):
                scores.append((states @ matrix.T).float().softmax(-1)[:, 0].tolist())
        return scores
