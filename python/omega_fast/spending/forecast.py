"""What the next results will cost, and all that is left, from what the last questions took and gave.

Over the last n finished questions (see `Account.lately`), with c what a question took and g what it gave, a result
costs R = sum c / sum g. Its interval is that of the mean price over the m questions left:

    R +- t s / mean(g) sqrt(1 / n + 1 / m),   s^2 = sum (c - R g)^2 / (n - 1)

(ratio estimator; Cochran, Sampling Techniques, 1977, section 6.4). What is left is mean(c) for each question that has
not begun, and for one that has paid p the mean of c - p over those of the n with c > p; +- t sd(c) sqrt(m^2 / n + m).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from omega_fast.spending.account import Account, QuestionCost
from omega_fast.spending.prices import Prices

__all__ = ["Expected", "Outlook", "Price", "outlook"]

LEAST_QUESTIONS = 8
"""Finished questions without which nothing is forecast."""

_Z_95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Expected:
    """A forecast with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Price:
    """What something will cost.

    Attributes:
        rollouts: Rollouts, those made early for nothing included.
        tokens: Generated tokens.
        cost: Money; `None` without prices.
    """

    rollouts: Expected
    tokens: Expected
    cost: Expected | None = None


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the rest of a run will cost.

    Attributes:
        questions: Finished questions behind the forecast.
        label: The next hard label; `None` if the last questions gave none.
        first_error: The next located first error; `None` if the last questions gave none.
        question: The mean of the questions left, as if none had begun.
        left: All that is left of the run.
        currency: Of the costs; empty without prices.
    """

    questions: int
    label: Price | None
    first_error: Price | None
    question: Price
    left: Price
    currency: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON values."""
        return asdict(self)


def outlook(account: Account, prices: Prices | None = None) -> Outlook | None:
    """The forecast from an account; `None` until the first `LEAST_QUESTIONS` questions are finished."""
    lately = account.lately
    if len(lately) < LEAST_QUESTIONS:
        return None
    ahead = account.questions - account.finished
    begun = account.paid_on_open

    def price(forecast: Callable[[list[float], list[float]], Expected]) -> Price:
        cost = None
        if prices is not None:
            cost = forecast(
                [float(prices.cost(each.usage)) for each in lately],
                [float(prices.cost(usage)) for _, usage in begun],
            )
        return Price(
            forecast([each.rollouts for each in lately], [rollouts for rollouts, _ in begun]),
            forecast([each.usage.generated for each in lately], [usage.generated for _, usage in begun]),
            cost,
        )

    def per(gain: Callable[[QuestionCost], int]) -> Price | None:
        gains = [gain(each) for each in lately]
        return price(lambda costs, _: _ratio(costs, gains, ahead)) if any(gains) else None

    return Outlook(
        len(lately),
        per(lambda each: each.labels),
        per(lambda each: each.located),
        price(lambda costs, _: _ratio(costs, [1] * len(costs), ahead)),
        price(lambda costs, paid: _rest(costs, ahead, paid)),
        "" if prices is None else prices.currency,
    )


def _ratio(costs: Sequence[float], gains: Sequence[int], ahead: int) -> Expected:
    n = len(costs)
    ratio = math.fsum(costs) / sum(gains)
    residuals = math.fsum((cost - ratio * gain) ** 2 for cost, gain in zip(costs, gains, strict=True))
    per_question = sum(gains) / n
    spread = math.sqrt(residuals / (n - 1)) / per_question * math.sqrt(1 / n + (1 / ahead if ahead else 0))
    return _around(ratio, _t_95(n - 1) * spread)


def _rest(costs: Sequence[float], ahead: int, begun: Sequence[float]) -> Expected:
    if not ahead:
        return Expected(0.0, 0.0, 0.0)
    n = len(costs)
    mean = math.fsum(costs) / n
    deviation = math.sqrt(math.fsum((cost - mean) ** 2 for cost in costs) / (n - 1))
    # Draws made early may still come home to finished questions; there are never more begun than left.
    value = mean * max(0, ahead - len(begun)) + math.fsum(_excess(costs, paid) for paid in begun[:ahead])
    return _around(value, _t_95(n - 1) * deviation * math.sqrt(ahead**2 / n + ahead))


def _excess(costs: Sequence[float], paid: float) -> float:
    """What a question that has paid this much will still take."""
    dearer = [cost - paid for cost in costs if cost > paid]
    return math.fsum(dearer) / len(dearer) if dearer else 0.0


def _around(value: float, reach: float) -> Expected:
    return Expected(value, max(0.0, value - reach), value + reach)


def _t_95(freedom: int) -> float:
    """The .975 quantile of Student's t, by Cornish and Fisher's expansion; within .3 % from 7 degrees on."""
    z = _Z_95
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    return z + first / freedom + second / freedom**2
