"""Losses on what a step adds to the chance of a right answer, and the targets they need."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["progress", "progress_targets", "relative_progress_targets"]


def progress(logits: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
    """(a - y)^2 with a = 2 sigmoid(logit) - 1 in [-1, 1], the predicted progress.

    A score of .5 so means that the step changes nothing (process advantage: Setlur et al., arXiv 2410.08146).

    Args:
        logits: (solutions, steps).
        targets: In [-1, 1], the same shape; anything where the mask is off.
        mask: Whether a step has a target, bool, the same shape.

    Returns:
        The loss of each step, the same shape; 0 where the mask is off.
    """
    kept = torch.where(mask, targets, 0).to(logits.dtype)
    return torch.where(mask, (2 * logits.sigmoid() - 1 - kept) ** 2, 0)


def progress_targets(values: Sequence[float | None], start: float | None) -> list[float | None]:
    """MC after minus MC before each step (arXiv 2410.08146); `None` where one of the two is unknown.

    Args:
        values: The value at the end of each step.
        start: The value before the first.

    >>> progress_targets([0.75, None, 0.25], 0.5)
    [0.25, None, None]
    """
    before = [start, *values[:-1]]
    return [
        None if after is None or prior is None else after - prior
        for after, prior in zip(values, before, strict=True)
    ]


def relative_progress_targets(
    values: Sequence[float | None], start: float | None, least: float = 0.8
) -> list[float | None]:
    """1 where MC after / MC before reaches `least`, else 0 (GenPRM, arXiv 2504.00891, relative progress).

    Where nothing could be hoped for before the step, it is wrong too. `None` where a value is unknown.

    >>> relative_progress_targets([0.5, 0.4, 0.1, 0.0, 0.0], 0.5)
    [1.0, 1.0, 0.0, 0.0, 0.0]
    """
    before = [start, *values[:-1]]
    return [
        None
        if after is None or prior is None
        # The sum that the quotient comes from has its own rounding: .4 / .5 must not fall below .8
        else float(prior > 0 and after >= least * prior - 1e-9)
        for after, prior in zip(values, before, strict=True)
    ]
