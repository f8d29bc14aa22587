"""Losses of single steps: each step's logit against its own target."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, log_softmax

__all__ = ["bce", "cross_entropy", "mse"]


def bce(logits: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
    """Binary cross-entropy, -[y log s + (1 - y) log(1 - s)] with s the sigmoid of the logit.

    A soft target stays what it is: .75 pulls s towards .75 (OmegaPRM, arXiv 2406.06592, its pointwise soft
    objective). With targets 0 and 1 this is the loss of Math-Shepherd (arXiv 2312.08935, eq. 2).

    Args:
        logits: (solutions, steps).
        targets: In [0, 1], the same shape; anything where the mask is off.
        mask: Whether a step has a target, bool, the same shape.

    Returns:
        The loss of each step, the same shape; 0 where the mask is off.
    """
    kept = torch.where(mask, targets, 0).to(logits.dtype)
    return torch.where(mask, binary_cross_entropy_with_logits(logits, kept, reduction="none"), 0)


def cross_entropy(outputs: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
    """Cross-entropy over the classes wrong (0) and right (1), -[y log p_1 + (1 - y) log p_0].

    With hard targets it is the loss of TRL's PRM trainer. Since p_1 is the sigmoid of the difference of the two
    outputs, it equals `bce` of that difference; both are kept because people look for both names.

    Args:
        outputs: (solutions, steps, 2).
        targets: In [0, 1], (solutions, steps); anything where the mask is off.
        mask: Whether a step has a target, bool, (solutions, steps).

    Returns:
        The loss of each step, (solutions, steps); 0 where the mask is off.
    """
    kept = torch.where(mask, targets, 0).to(outputs.dtype)
    wrong, right = log_softmax(outputs, dim=-1).unbind(-1)
    return torch.where(mask, -(kept * right + (1 - kept) * wrong), 0)


def mse(logits: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
    """Squared error of the sigmoid, (s - y)^2. Arguments and result as of `bce`."""
    kept = torch.where(mask, targets, 0).to(logits.dtype)
    return torch.where(mask, (logits.sigmoid() - kept) ** 2, 0)
