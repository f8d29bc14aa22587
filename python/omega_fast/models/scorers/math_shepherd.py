r"""Checkpoints like Math-Shepherd's (arXiv 2312.08935): `ки` behind each step, there `+` against `-`.

The text is `problem Step 1: ... ки\nStep 2: ... ки`, as its README has it; the score of a step is read at the last
token of its marker.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from omega_fast.errors import BackendError, InputError
from omega_fast.models.scorers.forward import Marked
from omega_fast.models.scorers.options import ScorerOptions
from omega_fast.models.scorers.signs import SignScorer
from omega_fast.records import StepScorer

__all__ = ["MARKER", "load"]

MARKER = "ки"

_NUMBERED = re.compile(r"Step \d+:")


def load(name: str, options: ScorerOptions) -> StepScorer:
    """The scorer. Raises `BackendError` if the checkpoint cannot be loaded or has no token for the marker."""
    return SignScorer(name, _ShepherdMarker, options)


class _ShepherdMarker:
    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        last = tokenizer.encode(f" {MARKER}", add_special_tokens=False)[-1:]
        if MARKER not in tokenizer.decode(last):
            raise BackendError(f"the tokenizer has no token for {MARKER}", hint="give another --shape")

    def __call__(self, problem: str, steps: Sequence[str]) -> Marked:
        text, ends = f"{problem} ", []
        for number, step in enumerate(steps, 1):
            said = step.strip()
            text += said if _NUMBERED.match(said) else f"Step {number}: {said}"
            text += f" {MARKER}"
            ends.append(len(text))
            text += "\n"
        encoded = self._tokenizer(text, return_offsets_mapping=True, verbose=False)
        stands_at = {
            end: index for index, (begin, end) in enumerate(encoded["offset_mapping"]) if end > begin
        }
        if missing := [number for number, end in enumerate(ends, 1) if end not in stands_at]:
            raise InputError(
                f"the marker of step {missing[0]} runs into the next token", hint="cut the solution otherwise"
            )
        return Marked(tuple(encoded["input_ids"]), tuple(stands_at[end] for end in ends))
