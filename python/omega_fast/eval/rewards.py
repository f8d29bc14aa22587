"""One number a solution from what a scorer says of its steps: the rules by which best-of-N chooses."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate

__all__ = ["NO_SCORE", "implicit_rewards", "sigmoid"]

NO_SCORE = -math.inf
"""The score of a sample that could not be scored: the last choice, and no vote where votes are weighted."""


def implicit_rewards(
    policy: Sequence[float], reference: Sequence[float] | None, coefficient: float
) -> Mapping[str, float]:
    """The published rewards of a solution by `with|without reference`, `single|accumulative` and `min|sum`.

    Source: arXiv 2412.01981, and its evaluation program.

    A single reward is coefficient * (log-ratio of a step's tokens), an accumulative one that of all tokens up to the
    step's end; without reference the policy's log-probability stands for the ratio.

    Args:
        policy: Summed log-probability of each step's tokens.
        reference: The reference model's; `None` if there is none.
        coefficient: Published: .001.

    >>> implicit_rewards([-2.0, -1.0], [-1.0, -3.0], 1.0)["with reference/accumulative/min"]
    -1.0
    """
    ratios = {"without reference": list(policy)}
    if reference is not None:
        ratios["with reference"] = [p - r for p, r in zip(policy, reference, strict=True)]
    rewards = {}
    for setting, single in ratios.items():
        for kind, steps in (("single", single), ("accumulative", list(accumulate(single)))):
            rewards[f"{setting}/{kind}/min"] = coefficient * min(steps)
            rewards[f"{setting}/{kind}/sum"] = coefficient * math.fsum(steps)
    return rewards


def sigmoid(reward: float) -> float:
    """The weight of an implicit reward in a vote: in (0, 1), `NO_SCORE` kept."""
    if reward == NO_SCORE:
        return NO_SCORE
    return 1 / (1 + math.exp(-reward)) if reward >= 0 else 1 - 1 / (1 + math.exp(reward))
