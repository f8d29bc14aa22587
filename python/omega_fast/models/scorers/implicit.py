"""Implicit process rewards (arXiv 2412.01981): log-ratios of a trained policy to its reference, step by step.

r = log pi(y) - log pi_ref(y); the reward of a step is what its tokens add, q_t what all tokens up to its end sum to. A
conversation is rendered with the policy's chat template, the steps joined by a blank line; a step's tokens are those
that begin in it or in the blank line behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import torch
from torch.nn import functional

from omega_fast.errors import BackendError, InputError
from omega_fast.models.scorers.forward import Marked, batched, hidden_at
from omega_fast.models.scorers.loading import load_language_model, load_tokenizer, longest
from omega_fast.models.scorers.options import ScorerOptions

__all__ = ["ImplicitScorer", "load"]

_BETWEEN = "\n\n"


class ImplicitScorer:
    """A `StepScorer` whose score is sigmoid(coefficient * q_t), and the log-probabilities it comes from.

    Args:
        policy: Folder or hub name of the trained model.
        reference: The same of the model that training began from; `None` scores by the policy's log-probability alone.
        options: How both are run, and what log-ratios are multiplied with.

    Raises:
        BackendError: A model cannot be loaded, or their tokenizers differ.
    """

    def __init__(
        self,
        policy: str,
        reference: str | None,
        options: ScorerOptions = ScorerOptions(),  # noqa: B008 - frozen
    ) -> None:
        self._tokenizer = load_tokenizer(policy, options)
        self._models = [load_language_model(policy, options)]
        self._limit = longest(policy, self._models[0], options)
        if reference is not None:
            own = replace(options, tokenizer=None, revision=None)
            if load_tokenizer(reference, own).get_vocab() != self._tokenizer.get_vocab():
                raise BackendError(
                    f"{policy} and {reference} have different tokenizers",
                    hint="give the model that the policy was trained from",
                )
            self._models.append(load_language_model(reference, own))
        self._coefficient = options.coefficient
        self._batch_tokens = options.batch_tokens

    def score_many(self, solutions: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
        """See `StepScorer.score_many`."""
        rows = []
        for columns in self.step_log_probs(solutions):
            ratios = torch.tensor(columns["policy"], dtype=torch.float64)
            if "reference" in columns:
                ratios = ratios - torch.tensor(columns["reference"], dtype=torch.float64)
            rows.append((self._coefficient * ratios.cumsum(0)).sigmoid().tolist())
        return rows

    def step_log_probs(self, solutions: Sequence[tuple[str, Sequence[str]]]) -> list[dict[str, list[float]]]:
        """For each solution the summed log-probability of each step's tokens, by `policy` and `reference`.

        Raises:
            InputError: A solution is too long, or a step has no token of its own.
        """
        rows = [self._marked(problem, steps).within(self._limit) for problem, steps in solutions]
        names = ("policy", "reference")
        found: list[dict[str, list[float]]] = [{} for _ in rows]
        for name, model in zip(names, self._models, strict=False):
            for batch in batched(rows, self._batch_tokens):
                for at, sums in zip(batch, _summed(model, [rows[at] for at in batch]), strict=True):
                    found[at][name] = sums
        return found

    def _marked(self, problem: str, steps: Sequence[str]) -> Marked:
        """The tokens of the conversation; positions are where the prompt and each step end, one past their last."""
        said = [step.strip() for step in steps]
        opening = self._rendered(problem, None)
        text = self._rendered(problem, _BETWEEN.join(said))
        start = text.find(said[0], len(opening)) if text.startswith(opening) else text.rfind(said[0])
        body = text[start:] if start >= 0 else ""
        if not body.startswith(_BETWEEN.join(said)):
            raise InputError("the chat template changes the text of the steps", hint="leave the solution out")
        cuts, at = [start], start
        for step in said:
            at += len(step) + len(_BETWEEN)
            cuts.append(at)
        cuts[-1] = len(text)
        encoded = self._tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        begins = [begin for begin, _ in encoded["offset_mapping"]]
        places = tuple(sum(begin < cut for begin in begins) for cut in cuts)
        if len(set(places)) < len(places) or places[0] == 0:
            raise InputError("a step has no token of its own", hint="cut the solution otherwise")
        return Marked(tuple(encoded["input_ids"]), places)

    def _rendered(self, problem: str, said: str | None) -> str:
        turns: list[dict[str, str]] = [{"role": "user", "content": problem}]
        if said is not None:
            turns.append({"role": "assistant", "content": said})
        if not self._tokenizer.chat_template:
            return f"{problem}\n" + (said or "")
        return str(
            self._tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=said is None)
        )


def load(name: str, options: ScorerOptions) -> ImplicitScorer:
    """The scorer with the reference that the options name. Raises as `ImplicitScorer` does."""
    return ImplicitScorer(name, options.reference, options)


@torch.inference_mode()
def _summed(model: Any, rows: Sequence[Marked]) -> list[list[float]]:
    """The log-probability of the tokens of each step of each row, summed in double precision; one forward pass."""
    # What stands before a token tells how likely it is
    before = [Marked(row.ids, tuple(range(row.positions[0] - 1, len(row.ids) - 1))) for row in rows]
    together = len(rows) * max(len(row.ids) for row in rows)
    sums = []
    for row, states in zip(rows, hidden_at(model.base_model, before, together), strict=True):
        begin = row.positions[0]
        logits = model.get_output_embeddings()(states).float()
        written = torch.tensor(row.ids[begin:], device=logits.device)
        each = -functional.cross_entropy(logits, written, reduction="none").double()
        ends = [place - begin for place in row.positions]
        sums.append([float(each[a:b].sum()) for a, b in pairwise(ends)])
    return sums
