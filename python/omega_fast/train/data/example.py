"""The record that training reads: a labelled solution, what is known before its first step, and its weight."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from omega_fast.store.formats import LabelledSolution, Place

__all__ = ["Example", "Labels", "values_of", "wrongly_labelled"]

Labels = Literal["soft", "hard", "soft-or-hard"]
"""Which labels count: estimates alone; right and wrong; estimates, and 1 or 0 where a step has none."""


_NOWHERE = Place(Path("(given)"), 0, "item")


@dataclass(frozen=True, slots=True)
class Example:
    """A solution to learn from.

    Attributes:
        solution: Question, steps, hard and soft label of each step.
        start: The estimate for the question itself, before any step; `None` if there is none.
        weight: How much its steps count in the loss.
        place: Where it came from, for messages; reading fills it in.
    """

    solution: LabelledSolution
    start: float | None = None
    weight: float = 1.0
    place: Place = _NOWHERE


def values_of(example: Example, labels: Labels, threshold: float | None = None) -> list[float | None]:
    """The value of each step in [0, 1]; `None` where it has no label of that kind.

    Args:
        example: The solution.
        labels: Which labels count.
        threshold: For `hard`: a step with an estimate is right above this, whatever its hard label. `None` takes the
            hard labels, and steps with an estimate alone are right if any continuation was (above 0).
    """
    assert labels in get_args(Labels), labels
    solution = example.solution
    pairs = zip(solution.hard, solution.soft, strict=True)
    if labels == "soft":
        return list(solution.soft)
    if labels == "soft-or-hard":
        return [(None if hard is None else float(hard)) if soft is None else soft for hard, soft in pairs]
    return [_hard(hard, soft, threshold) for hard, soft in pairs]


def wrongly_labelled(example: Example) -> str | None:
    """What is wrong with an example's labels, in words; `None` if nothing is."""
    for number, soft in enumerate(example.solution.soft, 1):
        if soft is not None and not (math.isfinite(soft) and 0 <= soft <= 1):
            return f"the soft label of step {number} is {soft}"
    if example.start is not None and not 0 <= example.start <= 1:
        return f"the estimate before the first step is {example.start}"
    if not (math.isfinite(example.weight) and example.weight >= 0):
        return f"its weight is {example.weight}"
    return None


def _hard(hard: bool | None, soft: float | None, threshold: float | None) -> float | None:
    if soft is not None and (threshold is not None or hard is None):
        return float(soft > (threshold or 0.0))
    return None if hard is None else float(hard)
