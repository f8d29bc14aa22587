"""Objectives on whole trajectories: trajectory balance, with a learnt log Z or with the one that fits a group best."""

from __future__ import annotations

from torch import Tensor

from omega_fast.train.gflownet.objectives.paths import REWARD_FLOOR, Paths, group_mean

__all__ = ["trajectory_balance", "vargrad"]


def trajectory_balance(paths: Paths, log_z: Tensor, *, floor: float = REWARD_FLOOR) -> Tensor:
    """(log Z + log P(path) - log R)^2 (Malkin et al., arXiv 2201.13259, eq. 14; P_B = 1 on a tree).

    Args:
        paths: What was sampled, by whatever policy.
        log_z: The learnt log Z of each path's prompt, (paths,), or one for all, (), with gradient.
        floor: The least log-reward; a reward of 0 counts as it.

    Returns:
        The loss of each path, (paths,).

    Raises:
        InputError: If a path has no finite log-probability, or its reward is NaN or infinite.
    """
    return (log_z + paths.log_prob() - paths.end_reward(floor)) ** 2


def vargrad(paths: Paths, *, floor: float = REWARD_FLOOR) -> Tensor:
    """Trajectory balance with the log Z that fits a prompt's paths best: the mean of log R - log P(path), held fixed.

    The mean loss over a group is the variance of log R - log P within it, and so is its gradient: what the mean would
    add is 0 (Zhang et al., arXiv 2302.05446, section 3.2; the name: Richter et al., arXiv 2010.10436). A prompt with a
    single path has loss 0 and teaches nothing.

    Args:
        paths: What was sampled, several paths a prompt.
        floor: The least log-reward; a reward of 0 counts as it.

    Returns:
        The loss of each path, (paths,).

    Raises:
        InputError: If a path has no finite log-probability, or its reward is NaN or infinite.
    """
    gap = paths.end_reward(floor) - paths.log_prob()
    return (group_mean(gap.detach(), paths.groups) - gap) ** 2
