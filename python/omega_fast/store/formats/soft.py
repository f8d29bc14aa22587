"""Soft labels: the estimate of a state, by the rule that fits how it was sampled, and its interval."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import comb
from typing import Literal, cast, get_args

from omega_fast.store.artifacts import Node

__all__ = ["Estimator", "SoftLabel", "StateValue", "ValueFrom", "soft_label", "state_value", "value_from"]

Estimator = Literal["mean", "inverse", "none"]
"""How a soft label was computed: right / judged, inverse sampling, or not at all."""

ValueFrom = Literal["mean", "inverse", "posterior_mean"]
"""What the value of a state is: an unbiased estimate, by its `Estimator`, or what a posterior makes of it."""

_TAIL = 0.025
"""What a 95 % interval leaves out on either side."""


@dataclass(frozen=True, slots=True)
class SoftLabel:
    """An estimate of the chance V that a rollout from a state is right, free of bias.

    Attributes:
        label: The estimate in [0, 1].
        low: Lower end of an interval that covers V with a chance of at least 95 %.
        high: Its upper end. The inverse-sampling estimate is coarse, and may lie outside.
        n_correct: Right draws that it rests on.
        n_rollouts: Judged draws that it rests on.
        estimator: How it was computed.
    """

    label: float
    low: float
    high: float
    n_correct: int
    n_rollouts: int
    estimator: Estimator


def soft_label(node: Node) -> SoftLabel | None:
    """The soft label of a state; `None` where nothing unbiased is known.

    A fixed number n of draws with c right ones gives c/n, with the interval of Clopper and Pearson (1934). Where
    sampling stopped at the r-th success after n draws, c/n is too high; (r-1)/(n-1) is unbiased (Haldane, 1945), with
    1 for r = n = 1, and the interval is the exact one of the negative binomial. Sampling that was to stop at a success
    and met none ran to its fixed end, so there 0/n stands. Where a test, a posterior or a budget ended sampling, draws
    made for the soft label alone are used if there are any.
    """
    if node.soft is not None and node.soft.n_rollouts > 0:
        return _mean(node.soft.n_correct, node.soft.n_rollouts)
    right, draws = node.n_correct, node.n_rollouts
    if draws == 0 or node.stopping_rule not in {"fixed", "first_success"}:
        return None
    if node.stopping_rule == "fixed" or right == 0:
        return _mean(right, draws)
    label = (right - 1) / (draws - 1) if draws > 1 else 1.0
    # As few draws as these: as for fixed n. As many: the last failure came no later than draw n - 1.
    high = 1.0 if draws == right else _upper(right - 1, draws - 1)
    return SoftLabel(label, _lower(right, draws), high, right, draws, "inverse")


@dataclass(frozen=True, slots=True)
class StateValue:
    """The chance in [0, 1] that a rollout from a state is right, for files with room for one number, and what it is."""

    value: float
    source: ValueFrom


def state_value(node: Node) -> StateValue | None:
    """The soft label of a state; where there is none, the mean of its posterior; `None` where there is neither.

    The share right / judged is neither of the two where outcomes decided when to stop: it is biased there.
    """
    soft = soft_label(node)
    if soft is not None:
        return StateValue(soft.label, "inverse" if soft.estimator == "inverse" else "mean")
    return None if node.value is None else StateValue(node.value.mean, "posterior_mean")


def value_from(said: object) -> ValueFrom | None:
    """A field that says what a value is; `None` where a file does not. Raises `ValueError` for other words."""
    for word in get_args(ValueFrom):
        if said == word:
            return cast("ValueFrom", word)
    if said is not None:
        raise ValueError(f"{said!r} is none of {', '.join(get_args(ValueFrom))}")
    return None


def _mean(right: int, draws: int) -> SoftLabel:
    return SoftLabel(right / draws, _lower(right, draws), _upper(right, draws), right, draws, "mean")


@lru_cache(maxsize=65536)
def _lower(right: int, draws: int) -> float:
    """The chance with which so many right draws or more have the chance of one tail; 0 for none."""
    if right == 0:
        return 0.0
    low, high = 0.0, right / draws
    while high - low > _PRECISION:
        middle = (low + high) / 2
        if 1.0 - _at_most(right - 1, draws, middle) < _TAIL:
            low = middle
        else:
            high = middle
    return low


def _upper(right: int, draws: int) -> float:
    """The chance with which so many right draws or fewer have the chance of one tail; 1 for all."""
    return 1.0 - _lower(draws - right, draws)


def _at_most(right: int, draws: int, chance: float) -> float:
    """The binomial distribution function."""
    return sum(
        comb(draws, count) * chance**count * (1.0 - chance) ** (draws - count) for count in range(right + 1)
    )


_PRECISION = 1e-9
