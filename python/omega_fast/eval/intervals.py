"""How sure a figure is: 95 % intervals over rows, over questions and over seeds."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any, TypeVar

__all__ = ["Estimate", "bootstrapped", "mean_of", "over_seeds"]

_Z_95 = 1.959963984540054
# Student's t at .975 for 1, 2, ... degrees of freedom; the normal quantile is 2 % off after them.
_T_95 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip

RowT = TypeVar("RowT")


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


def mean_of(values: Sequence[float]) -> Estimate:
    """The mean of values in [0, 1], one a question, with the normal interval over questions, kept in [0, 1].

    >>> mean_of([1.0, 0.0, 1.0, 0.0]).value
    0.5

    Raises:
        ValueError: There are no values.
    """
    if not values:
        raise ValueError("the mean of nothing")
    value = fmean(values)
    half = _Z_95 * stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 1.0
    return Estimate(value, max(0.0, value - half), min(1.0, value + half), len(values))


def bootstrapped(
    rows: Sequence[RowT], statistic: Callable[[Sequence[RowT]], float], *, draws: int = 1000, seed: int = 0
) -> Estimate:
    """`statistic(rows)` with its percentile interval over `draws` resamples of the rows (Efron 1979).

    Raises:
        ValueError: There are no rows.
    """
    if not rows:
        raise ValueError("a statistic of nothing")
    rng = random.Random(seed)  # noqa: S311 - reproducible, not secret
    found = sorted(statistic(rng.choices(rows, k=len(rows))) for _ in range(draws))
    return Estimate(
        statistic(rows), found[int(0.025 * draws)], found[min(draws - 1, int(0.975 * draws))], len(rows)
    )


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
