"""What GFlowNet objectives are compared with: policy gradients and likelihood."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from omega_fast.train.gflownet.objectives.paths import Paths, group_mean, only_finite

__all__ = ["grpo", "reinforce", "sft"]

_SMALLEST = 1e-4
"""Added to the deviation of a group, as TRL does: a group of equal returns has no advantages."""


def reinforce(paths: Paths, returns: Tensor, *, baseline: Literal["group", "none"] = "group") -> Tensor:
    """-(return - baseline) log P(path), whose gradient is that of the mean return, if the policy itself drew the paths.

    (Williams 1992.) The baseline is the mean return of a prompt's paths. Without importance weights the gradient is
    wrong for paths that another policy drew. With log R - log P(path) as return and the group's mean as baseline, its
    gradient is half that of `vargrad`.

    Args:
        paths: What was sampled.
        returns: What each path earned, (paths,); its gradient is cut.
        baseline: What is taken off.

    Returns:
        The loss of each path, (paths,).

    Raises:
        InputError: If a return or the log-probability of a step is infinite or NaN.
    """
    earned = only_finite("a return", returns.detach())
    return -(earned - group_mean(earned, paths.groups) if baseline == "group" else earned) * paths.log_prob()


def grpo(
    paths: Paths,
    returns: Tensor,
    *,
    log_old: Tensor | None = None,
    log_reference: Tensor | None = None,
    kl: float = 0.0,
    clip: float = 0.2,
) -> Tensor:
    """Group relative policy optimisation (Shao et al., arXiv 2402.03300, eq. 3 and 4).

    The mean over a path's actions, its steps and then the stop, of

        -min(q A, clamp(q, 1 - clip, 1 + clip) A) + kl (u - log u - 1),   q = P / P_old,   u = P_ref / P

    with A = (return - mean) / (deviation + 1e-4) over the paths of a prompt.

    Args:
        paths: What was sampled.
        returns: What each path earned, (paths,); its gradient is cut.
        log_old: log-probabilities of the actions when they were sampled, (paths, steps + 1), those of the stop at
            `lengths`; by default the present ones, so that q is 1.
        log_reference: The same of the frozen policy that `kl` holds the policy near to.
        kl: The weight of that.
        clip: How far q may leave 1 and still be rewarded for it.

    Returns:
        The loss of each path, (paths,).

    Raises:
        InputError: If a return or the log-probability of a step is infinite or NaN.
    """
    earned = only_finite("a return", returns.detach())
    apart = earned - group_mean(earned, paths.groups)
    advantage = (apart / (group_mean(apart**2, paths.groups).sqrt() + _SMALLEST)).unsqueeze(1)
    now, there = paths.log_actions(), paths.on_path
    before = now.detach() if log_old is None else only_finite("log_old", torch.where(there, log_old, 0))
    ratio = (now - before).exp()
    losses = -torch.minimum(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage)
    if log_reference is not None:
        behind = only_finite("log_reference", torch.where(there, log_reference, 0)) - now
        losses = losses + kl * (behind.exp() - behind - 1)
    return torch.where(there, losses, 0).sum(dim=1) / (paths.lengths + 1)


def sft(paths: Paths) -> Tensor:
    """-log P(path), its stop included: supervised fine-tuning on whatever paths are given, (paths,).

    Raises:
        InputError: If the log-probability of a step is infinite or NaN.
    """
    return -paths.log_prob()
