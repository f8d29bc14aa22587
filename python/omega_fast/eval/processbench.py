"""ProcessBench: does a model find the first wrong step, and does it leave right solutions alone (arXiv 2412.06559).

A prediction is the first step that is judged wrong, from 0, or -1 if none is. With a scorer, a step is judged wrong
if its score is below a threshold. A model that writes verdicts gives predictions itself, and several by a majority.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from omega_fast.eval.intervals import Estimate, harmonic_mean_of

__all__ = [
    "DEFAULT_THRESHOLD",
    "Found",
    "Threshold",
    "best_threshold",
    "f1_with_interval",
    "found",
    "majority_verdict",
    "mean_f1",
    "predict",
]

DEFAULT_THRESHOLD = 0.5


def predict(scores: Sequence[float], threshold: float) -> int:
    """The first step whose score is below `threshold`, from 0; -1 if there is none.

    >>> predict([0.9, 0.4, 0.1], 0.5), predict([0.9], 0.5)
    (1, -1)
    """
    return next((step for step, score in enumerate(scores) if score < threshold), -1)


def majority_verdict(verdicts: Iterable[int | None]) -> int | None:
    """The verdict given most often, of equally frequent ones the first; `None` if there is none (maj@n).

    Samples without a readable verdict, `None`, do not vote.

    >>> majority_verdict([2, None, -1, 2]), majority_verdict([None])
    (2, None)
    """
    counted = Counter(verdict for verdict in verdicts if verdict is not None)
    return counted.most_common(1)[0][0] if counted else None


@dataclass(frozen=True, slots=True)
class Found:
    """How many first errors were found, and how many right solutions were left alone.

    Attributes:
        errors_found: Of the solutions with a wrong step, those whose first one was predicted.
        errors: Solutions with a wrong step.
        right_kept: Of the solutions without one, those for which -1 was predicted.
        right: Solutions without a wrong step.
    """

    errors_found: int
    errors: int
    right_kept: int
    right: int

    @property
    def acc_err(self) -> float:
        """The share of first errors found; 0 of none."""
        return self.errors_found / self.errors if self.errors else 0.0

    @property
    def acc_ok(self) -> float:
        """The share of right solutions left alone; 0 of none."""
        return self.right_kept / self.right if self.right else 0.0

    @property
    def f1(self) -> float:
        """The harmonic mean of the two shares; 0 where both are 0."""
        a, b = self.acc_err, self.acc_ok
        return 2 * a * b / (a + b) if a + b else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Shares, F1 and counts as JSON values."""
        return {
            "f1": self.f1,
            "acc_err": self.acc_err,
            "acc_ok": self.acc_ok,
            "errors": self.errors,
            "right": self.right,
        }


def found(labels: Sequence[int], predictions: Sequence[int | None]) -> Found:
    """What predictions are worth against labels: the first wrong step from 0, or -1. `None` predicts nothing.

    >>> found([1, 2, -1, -1], [1, 0, -1, 3]).f1
    0.5
    """
    pairs = list(zip(labels, predictions, strict=True))
    errors = [label == said for label, said in pairs if label >= 0]
    right = [said == -1 for label, said in pairs if label < 0]
    return Found(sum(errors), len(errors), sum(right), len(right))


def f1_with_interval(labels: Sequence[int], predictions: Sequence[int | None]) -> Estimate:
    """F1 with its interval over the rows, as `harmonic_mean_of` makes it.

    Raises:
        ValueError: There are no rows.
    """
    counts = found(labels, predictions)
    return harmonic_mean_of((counts.errors_found, counts.errors), (counts.right_kept, counts.right))


def mean_f1(subsets: Mapping[str, Found]) -> float:
    """The mean of the subsets' F1, each counted once whatever its size; 0 of none."""
    return fmean(each.f1 for each in subsets.values()) if subsets else 0.0


@dataclass(frozen=True, slots=True)
class Threshold:
    """A threshold and the F1 it reaches on the rows it was chosen on."""

    value: float
    f1: float


def best_threshold(labels: Sequence[int], scores: Sequence[Sequence[float]]) -> Threshold:
    """The threshold with the highest F1 on these rows, found exactly and not on a grid.

    A row is predicted right for the thresholds of one half-open interval: above its wrong step's running minimum and
    not above the one before it. A sweep over the intervals' ends sees every F1 there is. Of several best stretches
    the lowest is taken, and its middle. Where no threshold finds anything it is `DEFAULT_THRESHOLD`.

    Args:
        labels: The first wrong step of each row from 0, or -1.
        scores: The scores of each row's steps, finite; a label is the place of one of them.
    """
    changes: list[tuple[float, bool, int]] = []
    for label, row in zip(labels, scores, strict=True):
        if label < 0:
            changes += [(float("-inf"), False, 1), (min(row), False, -1)]
            continue
        before = min(row[:label], default=float("inf"))
        if row[label] < before:
            changes += [(row[label], True, 1), (before, True, -1)]
    n_errors = sum(label >= 0 for label in labels)
    n_right = len(labels) - n_errors
    changes.sort()
    best = Threshold(DEFAULT_THRESHOLD, 0.0)
    errors_found = right_kept = 0
    at = 0
    while at < len(changes):
        low = changes[at][0]
        while at < len(changes) and changes[at][0] == low:
            _, is_error, change = changes[at]
            errors_found += change * is_error
            right_kept += change * (not is_error)
            at += 1
        f1 = Found(errors_found, n_errors, right_kept, n_right).f1
        if f1 > best.f1 and at < len(changes):
            best = Threshold(_inside(low, changes[at][0]), f1)
    return best


def _inside(low: float, high: float) -> float:
    """A number above `low` and not above `high`, in the middle if there is one."""
    middle = (low + high) / 2
    return middle if low < middle < float("inf") else high
