"""How the scores of a solution's steps become one score; the same rules in training, evaluation and search."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, get_args

from omega_fast.errors import ConfigError, InputError

__all__ = ["AGGREGATIONS", "Aggregation", "aggregate", "default_aggregation"]

Aggregation = Literal["last", "min", "prod", "mean", "sum_logits"]
"""`last` step; weakest step; product; mean; sum of log(p / (1 - p))."""

AGGREGATIONS: tuple[Aggregation, ...] = get_args(Aggregation)

_CLOSEST = 1e-7
"""A score counts as at least this far from 0 and 1 where its logit is taken."""


def aggregate(scores: Sequence[float], how: Aggregation) -> float:
    """One score for a solution: in [0, 1], or any real number for `sum_logits`.

    Args:
        scores: One score in [0, 1] for each step, in order.
        how: The rule.

    Raises:
        InputError: If there are no scores.
        ConfigError: If there is no such rule.

    >>> aggregate([0.5, 0.5], "prod"), aggregate([0.9, 0.2, 0.4], "min"), aggregate([0.9, 0.4], "last")
    (0.25, 0.2, 0.4)
    """
    if not scores:
        raise InputError("a solution without steps has no score", hint="leave it out")
    match how:
        case "last":
            return scores[-1]
        case "min":
            return min(scores)
        case "prod":
            return math.prod(scores)
        case "mean":
            return math.fsum(scores) / len(scores)
        case "sum_logits":
            return math.fsum(map(_logit, scores))
    raise ConfigError(f"there is no aggregation {how!r}", hint=f"use one of {', '.join(AGGREGATIONS)}")


def default_aggregation(labels: str) -> Aggregation:
    """`prod` for models trained on hard labels, which say whether a step is right; `last` for those on soft ones.

    A soft label is the chance that the solution ends right, so the last one has it all.
    """
    return "prod" if labels == "hard" else "last"


def _logit(score: float) -> float:
    kept = min(max(score, _CLOSEST), 1 - _CLOSEST)
    return math.log(kept / (1 - kept))
