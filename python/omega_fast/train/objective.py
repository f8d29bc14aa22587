"""What a training minimises: for each loss, the targets it needs, what it counts, and its value on a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from omega_fast.models.step_logits import right_logit
from omega_fast.train.data import Example, values_of
from omega_fast.train.losses import (
    bce,
    cross_entropy,
    mse,
    pairwise,
    pqm,
    progress,
    progress_targets,
    relative_progress_targets,
)
from omega_fast.train.prm_config import Loss, PrmConfig

__all__ = ["OBJECTIVES", "Objective", "Unit", "targets_of"]

Unit = Literal["step", "solution", "pair"]
"""What a loss is a mean over."""


@dataclass(frozen=True, slots=True)
class Objective:
    """One loss.

    Attributes:
        unit: What it is a mean over.
        losses: From the outputs at the ends of steps, (sequences, steps, classes), targets and mask,
            (sequences, steps), to the loss of each unit: (sequences, steps), (sequences,), or (pairs,), where
            sequences 2i and 2i + 1 are pair i.
    """

    unit: Unit
    losses: Callable[[Tensor, Tensor, Tensor, PrmConfig], Tensor]


def targets_of(example: Example, config: PrmConfig) -> list[float | None]:
    """The target of each step under the configured loss; `None` where it has none."""
    values = values_of(example, config.labels, config.threshold)
    if config.loss == "progress":
        return progress_targets(values, example.start)
    if config.loss == "relative-progress":
        return relative_progress_targets(values, example.start, config.progress_ratio)
    return values


def _pairs(outputs: Tensor, targets: Tensor, mask: Tensor, config: PrmConfig) -> Tensor:
    del mask, config
    logits = right_logit(outputs)[:, 0]
    return pairwise(logits[0::2], logits[1::2], targets[0::2, 0], targets[1::2, 0])


OBJECTIVES: Mapping[Loss, Objective] = {
    "bce": Objective("step", lambda out, y, mask, _: bce(right_logit(out), y, mask)),
    "ce": Objective("step", lambda out, y, mask, _: cross_entropy(out, y, mask)),
    "mse": Objective("step", lambda out, y, mask, _: mse(right_logit(out), y, mask)),
    "progress": Objective("step", lambda out, y, mask, _: progress(right_logit(out), y, mask)),
    "relative-progress": Objective("step", lambda out, y, mask, _: bce(right_logit(out), y, mask)),
    "pqm": Objective(
        "solution", lambda out, y, mask, config: pqm(right_logit(out), y > 0, mask, config.margin)
    ),
    "pairwise": Objective("pair", _pairs),
}
