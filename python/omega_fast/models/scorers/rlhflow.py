"""Checkpoints like RLHFlow's (Llama3.1-8B-PRM-Mistral-Data): each step is a user's turn, the reply `+` or `-`.

The first turn is the problem, a blank and the first step. All replies stand as `+` in one conversation; the score of a
step is read at the token before its reply.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from omega_fast.errors import BackendError, InputError
from omega_fast.models.scorers.forward import Marked
from omega_fast.models.scorers.options import ScorerOptions
from omega_fast.models.scorers.signs import SignScorer
from omega_fast.records import StepScorer

__all__ = ["load"]


def load(name: str, options: ScorerOptions) -> StepScorer:
    """The scorer. Raises `BackendError` if the checkpoint cannot be loaded or has no chat template."""
    return SignScorer(name, _TurnMarker, options)


class _TurnMarker:
    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        if not tokenizer.chat_template:
            raise BackendError("the tokenizer has no chat template", hint="give another --shape")

    def __call__(self, problem: str, steps: Sequence[str]) -> Marked:
        turns: list[dict[str, str]] = []
        replies = []
        for number, step in enumerate(steps):
            turns.append({"role": "user", "content": step if number else f"{problem} {step}"})
            replies.append(self._rendered(turns, True))
            turns.append({"role": "assistant", "content": "+"})
        text = self._rendered(turns, False)
        encoded = self._tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        begins = [begin for begin, _ in encoded["offset_mapping"]]
        positions = []
        for number, opening in enumerate(replies, 1):
            at = bisect_left(begins, len(opening))
            if not text.startswith(opening) or at >= len(begins) or begins[at] != len(opening):
                raise InputError(
                    f"the reply to step {number} has no place of its own in the rendered conversation",
                    hint="check the checkpoint's chat template, or leave the solution out",
                )
            positions.append(at - 1)
        return Marked(tuple(encoded["input_ids"]), tuple(positions))

    def _rendered(self, turns: list[dict[str, str]], opens_reply: bool) -> str:
        return str(
            self._tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=opens_reply)
        )
