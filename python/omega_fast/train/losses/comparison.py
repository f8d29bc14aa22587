"""Losses that compare steps with one another: siblings in a tree, and the steps of one solution."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

__all__ = ["pairwise", "pqm"]


def pairwise(first: Tensor, second: Tensor, first_value: Tensor, second_value: Tensor) -> Tensor:
    """-|v_1 - v_2| log sigma(z_better - z_worse) over pairs of siblings: different next steps of one prefix.

    OmegaPRM's pairwise objective (arXiv 2406.06592) on Bradley-Terry's model, with the distance of the
    two values as weight instead of a threshold on it.

    Args:
        first: Logits, (pairs,).
        second: Logits of their siblings, (pairs,).
        first_value: Values of the steps, (pairs,).
        second_value: Values of the siblings, (pairs,).

    Returns:
        The loss of each pair, (pairs,); 0 where the values are equal.
    """
    distance = (first_value - second_value).to(first.dtype)
    return -distance.abs() * logsigmoid(distance.sign() * (first - second))


def pqm(logits: Tensor, right: Tensor, mask: Tensor, margin: float = 4.0) -> Tensor:
    """The comparative loss of Q-value ranking (Li and Li, arXiv 2410.11287, eq. 10).

    With right steps c_1 .. c_n in order, wrong steps w, and Q(c_0) = 0 for the state before the first step:

        L = -1/(n + 1) sum_{t=0..n} log[ e^Q(c_t) / (sum_{q<=t} e^Q(c_q) + sum_w e^(Q(w) + margin)) ]

    so that wrong steps < c_0 < c_1 < .. < c_n. The term of t = 0 without a wrong step is 0. The paper divides by the
    number of right steps, which a solution without one has not; here it is by the number of terms.

    Args:
        logits: Q of each step, (solutions, steps).
        right: Whether a step is right, bool, the same shape.
        mask: Whether a step is labelled, bool, the same shape.
        margin: By how much right steps are to stand above wrong ones.

    Returns:
        The loss of each solution, (solutions,); 0 for one without labelled steps.
    """
    never = torch.finfo(logits.dtype).min
    is_right = mask & right
    start = logits.new_zeros(logits.shape[0], 1)
    chain = torch.cat([start, torch.where(is_right, logits, never)], dim=1)
    in_chain = torch.cat([torch.ones_like(start, dtype=torch.bool), is_right], dim=1)
    above_wrong = torch.where(mask & ~right, logits + margin, never).logsumexp(dim=1, keepdim=True)
    terms = torch.logaddexp(chain.logcumsumexp(dim=1), above_wrong) - chain
    total = torch.where(in_chain, terms, 0).sum(dim=1) / in_chain.sum(dim=1)
    return torch.where(mask.any(dim=1), total, 0)
