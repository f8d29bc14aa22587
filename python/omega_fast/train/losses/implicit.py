"""The objectives of implicit process rewards on the log-ratios of whole solutions (arXiv 2412.01981, eq. 5 and 6)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

__all__ = ["implicit_ce", "implicit_dpo"]


def implicit_ce(ratios: Tensor, labels: Tensor, beta: float) -> Tensor:
    """Binary cross-entropy of sigmoid(beta log pi / pi_ref) with whether a solution is right; (solutions,) each."""
    return functional.binary_cross_entropy_with_logits(
        beta * ratios, labels.to(ratios.dtype), reduction="none"
    )


def implicit_dpo(ratios: Tensor, beta: float) -> Tensor:
    """-log sigmoid(beta (d+ - d-)) of pairs (arXiv 2305.18290, eq. 7).

    Args:
        ratios: log pi / pi_ref of the solutions, (2 pairs,): the right one of pair i at 2i, the wrong one behind it.
        beta: The coefficient.

    Returns:
        (pairs,).
    """
    return -functional.logsigmoid(beta * (ratios[0::2] - ratios[1::2]))
