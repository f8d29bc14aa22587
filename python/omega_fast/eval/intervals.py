"""How sure a figure is: 95 % intervals over rows, over questions and over seeds."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, pvariance, stdev
from typing import Any

__all__ = ["Estimate", "harmonic_mean_of", "mean_of", "over_seeds", "wilson"]

_Z_95 = 1.959963984540054
# Student's t at .975 for 1, 2, ... degrees of freedom; the normal quantile is 2 % off after them.
_T_95 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval, and how many values it rests on."""

    value: float
    low: float
    high: float
    n: int

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON values."""
        return {"value": self.value, "low": self.low, "high": self.high, "n": self.n}


def wilson(mean: float, variance: float, n: int) -> tuple[float, float]:
    """Wilson's score interval of the mean of n values in [0, 1] (Wilson 1927), which holds near 0 and 1 too.

    It never is a single point: n values that are all alike say little of the next ones where n is small.

    Args:
        mean: Of the values.
        variance: Mean square distance from it; of yes and no `mean * (1 - mean)`, which gives Wilson's own formula.
        n: How many; all of [0, 1] for none.

    >>> [round(bound, 4) for bound in wilson(1.0, 0.0, 3)]
    [0.4385, 1.0]
    """
    if not n:
        return 0.0, 1.0
    z2 = _Z_95**2
    middle = (mean + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z_95 / (1 + z2 / n) * math.sqrt(variance / n + z2 / (4 * n * n))
    # The mean lies within, but for rounding
    return max(0.0, min(mean, middle - half)), min(1.0, max(mean, middle + half))


def mean_of(values: Sequence[float], most: float = 1.0) -> Estimate:
    """The mean of values between 0 and `most`, one a question, with Wilson's interval over questions.

    >>> estimate = mean_of([1.0, 1.0, 1.0, 1.0])
    >>> estimate.value, round(estimate.low, 2), estimate.high
    (1.0, 0.51, 1.0)

    Raises:
        ValueError: There are no values.
    """
    if not values:
        raise ValueError("the mean of nothing")
    low, high = wilson(fmean(values) / most, pvariance(values) / most**2, len(values))
    return Estimate(fmean(values), most * low, most * high, len(values))


def harmonic_mean_of(one: tuple[int, int], other: tuple[int, int], *, draws: int = 10_000) -> Estimate:
    """The harmonic mean of two shares, hits of all, which rest on different rows; 0 where both are 0 or one is of none.

    The interval has 95 % of what it is for shares drawn from their posteriors under Jeffreys' prior, Beta(hits + 1/2,
    misses + 1/2) (Brown, Cai and DasGupta 2001), and is widened to hold the figure itself. Equal counts have equal
    intervals.

    >>> estimate = harmonic_mean_of((5, 5), (5, 5))
    >>> estimate.value, estimate.low < 0.8, estimate.high
    (1.0, True, 1.0)

    Raises:
        ValueError: Both are of none.
    """
    total = one[1] + other[1]
    if not total:
        raise ValueError("a share of nothing")
    value = _harmonic(*(hits / of if of else 0.0 for hits, of in (one, other)))
    rng = random.Random(0)  # noqa: S311 - reproducible, not secret
    found = sorted(
        _harmonic(*(rng.betavariate(hits + 0.5, of - hits + 0.5) for hits, of in (one, other)))
        for _ in range(draws)
    )
    low, high = found[int(0.025 * draws)], found[int(0.975 * draws)]
    return Estimate(value, min(value, low), max(value, high), total)


def _harmonic(one: float, other: float) -> float:
    return 2 * one * other / (one + other) if one + other else 0.0


def over_seeds(values: Sequence[float]) -> Estimate:
    """The mean of one figure over runs that differ in their seed alone, with Student's t interval.

    One run alone has no interval: its bounds are not finite.

    >>> spread = over_seeds([0.5, 0.6, 0.7])
    >>> round(spread.value, 3), round(spread.high - spread.value, 3)
    (0.6, 0.248)

    Raises:
        ValueError: There are no values.
    """
    if not values:
        raise ValueError("the mean of nothing")
    value = fmean(values)
    if len(values) == 1:
        return Estimate(value, -math.inf, math.inf, 1)
    t = _T_95[len(values) - 2] if len(values) - 2 < len(_T_95) else _Z_95
    half = t * stdev(values) / math.sqrt(len(values))
    return Estimate(value, value - half, value + half, len(values))
