"""Whether step scores order and mean what they say: AUROC, Brier score, calibration error, place of the minimum."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

__all__ = [
    "BINS",
    "OUTCOME_LIKE_FROM",
    "Calibration",
    "auroc",
    "brier",
    "calibrate",
    "calibration_error",
    "minima_on_last",
]

BINS = 10
"""Bins of the calibration error, of equal width."""

OUTCOME_LIKE_FROM = 0.4
"""A larger share of minima on the last step says that a model judges outcomes (arXiv 2501.07301)."""


def auroc(positive: Sequence[float], negative: Sequence[float]) -> float | None:
    """The probability that a positive scores above a negative, ties counted half; `None` if either is empty.

    >>> auroc([0.9, 0.5], [0.5, 0.1])
    0.875
    """
    if not positive or not negative:
        return None
    ordered = sorted(negative)
    wins = sum(bisect_left(ordered, score) + bisect_right(ordered, score) for score in positive)
    return wins / (2 * len(positive) * len(negative))


def brier(scores: Sequence[float], targets: Sequence[float]) -> float | None:
    """The mean squared difference of scores and targets in [0, 1]; `None` of nothing (Brier 1950)."""
    return fmean((s - t) ** 2 for s, t in zip(scores, targets, strict=True)) if scores else None


def calibration_error(scores: Sequence[float], targets: Sequence[float], bins: int = BINS) -> float | None:
    """The expected calibration error: over bins of equal width, |mean score - mean target| by the bins' share.

    `None` of nothing.

    >>> calibration_error([0.9, 0.9, 0.1, 0.1], [1, 0, 0, 0])
    0.25
    """
    if not scores:
        return None
    sums = [0.0] * bins
    for score, target in zip(scores, targets, strict=True):
        sums[min(bins - 1, int(score * bins))] += score - target
    return sum(map(abs, sums)) / len(scores)


def minima_on_last(solutions: Iterable[Sequence[float]]) -> float | None:
    """The share of solutions of two steps or more whose lowest score is at the last step; `None` if there are none.

    Steps that share the lowest score share the solution.
    """
    shares = [(row[-1] == min(row)) / list(row).count(min(row)) for row in solutions if len(row) > 1]
    return fmean(shares) if shares else None


@dataclass(frozen=True, slots=True)
class Calibration:
    """Scores of steps against one kind of truth.

    Attributes:
        steps: How many steps have a target.
        auroc: Targets above `positive_above` against the others; `None` if one kind is missing.
        brier: Mean squared difference; `None` without steps.
        ece: Over `BINS` bins of equal width; `None` without steps.
    """

    steps: int
    auroc: float | None
    brier: float | None
    ece: float | None

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON values, the number of bins named."""
        return {
            "steps": self.steps,
            "auroc": self.auroc,
            "brier": self.brier,
            "ece": self.ece,
            "ece_bins": BINS,
        }


def calibrate(pairs: Iterable[tuple[float, float]], positive_above: float = 0.0) -> Calibration:
    """What scores are worth against targets in [0, 1]: exact labels are 0 and 1, MC is a share.

    Args:
        pairs: Score and target of each step that has a target.
        positive_above: For AUROC a step is right if its target is above this. The default is the hard label of MC.
    """
    listed = list(pairs)
    scores, targets = [score for score, _ in listed], [target for _, target in listed]
    return Calibration(
        len(listed),
        auroc(
            [score for score, target in listed if target > positive_above],
            [score for score, target in listed if not target > positive_above],
        ),
        brier(scores, targets),
        calibration_error(scores, targets),
    )
