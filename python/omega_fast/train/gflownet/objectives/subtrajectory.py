"""Objectives on parts of trajectories: subtrajectory balance and, its shortest parts alone, detailed balance."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from omega_fast.errors import ConfigError, InputError
from omega_fast.train.gflownet.objectives.paths import REWARD_FLOOR, Paths, ended, only_finite

__all__ = ["Flows", "detailed_balance", "subtb"]

Flows = Literal["stop", "learnt", "forward_looking"]
"""Where the flow F of a state comes from.

`stop`: every prefix may stop, and F = R / P_stop needs no network; the last state is the end of all parts.
`learnt`: F = exp(log_flow), and the stop is one more action, into an end of flow R.
`forward_looking`: the same with F = R~ exp(log_flow), R~ = exp(log_energy).
"""


def subtb(paths: Paths, lam: float = 0.9, *, flows: Flows = "stop", floor: float = REWARD_FLOOR) -> Tensor:
    """Squared imbalance of all parts of a path, those with k steps weighted by lam^(k-1), as a weighted mean.

    With C_i = sum of log P_F before state i, and g_i = log F_i - C_i:

        L = sum_{i<j} lam^(j-i-1) d_ij^2 / sum_{i<j} lam^(j-i-1),    d_ij = g_i - g_j
          = log F_i + sum_{i<=k<j} log P_F(s_{k+1} | s_k) - log F_j

    (Madan et al., arXiv 2209.12782, who write lam^(j-i), which the mean makes the same; every prefix may stop: Hu et
    al., arXiv 2310.04363; forward-looking: Pan et al., arXiv 2302.01687.) Time and memory grow with the square of the
    steps.

    Args:
        paths: What was sampled, by whatever policy.
        lam: 0 for the shortest parts alone, 1 for all parts alike.
        flows: What the flow of a state is.
        floor: The least log-reward of a state where the policy may stop; a reward of 0 counts as it.

    Returns:
        The loss of each path, (paths,). It is 0 for a path without a step if `flows` is `stop`: it has no parts.

    Raises:
        ConfigError: If `lam` is not in [0, 1], or learnt flows or energies are asked for and not there.
        InputError: If a flow, reward or log-probability on a path is infinite or NaN.
    """
    if not 0 <= lam <= 1:
        raise ConfigError(f"lambda is {lam:g}", hint="give a number from 0 to 1")
    potential, there = _potential(paths, flows, floor)
    apart = potential.unsqueeze(2) - potential.unsqueeze(1)
    at = torch.arange(potential.shape[1], device=potential.device)
    steps = at - at.unsqueeze(1)
    weight = torch.where(
        steps > 0,
        torch.as_tensor(lam, dtype=potential.dtype, device=at.device) ** (steps - 1).clamp(min=0),
        0,
    )
    weights = weight * there.unsqueeze(1)
    total = weights.sum(dim=(1, 2))
    return (weights * apart**2).sum(dim=(1, 2)) / torch.where(total > 0, total, 1)


def detailed_balance(paths: Paths, *, flows: Flows = "stop", floor: float = REWARD_FLOOR) -> Tensor:
    """The mean squared imbalance of a path's single steps: `subtb` at lambda 0, in time linear in the steps.

    With `stop` this is the modified detailed balance of Deleu et al. (arXiv 2202.13903, section 3.2); with `learnt`,
    that of Bengio et al. (arXiv 2111.09266, section 3.2). Arguments, result and errors are those of `subtb`.
    """
    potential, there = _potential(paths, flows, floor)
    steps = there[:, 1:]
    squares = torch.where(steps, potential[:, :-1] - potential[:, 1:], 0) ** 2
    return squares.sum(dim=1) / steps.sum(dim=1).clamp(min=1)


def _potential(paths: Paths, flows: Flows, floor: float) -> tuple[Tensor, Tensor]:
    """The log-flow of each state minus the log-probability of getting there, and which states are there.

    (paths, steps + 1); with learnt flows (paths, steps + 2), the end a state of its own.
    """
    there = paths.on_path
    actions = paths.log_actions()
    reached = torch.nn.functional.pad(actions.cumsum(dim=1), (1, 0))
    if flows == "stop":
        reward = only_finite("a log-reward", torch.where(there, paths.log_reward, 0).clamp(min=floor))
        stop = torch.where(there, paths.log_stop, 0)
        if not bool(torch.isfinite(stop).all()):
            raise InputError(
                "a state on a path has no probability to stop, so its flow is not R / P_stop",
                hint="use learnt flows where not every prefix may stop",
            )
        return torch.where(there, reward - stop - reached[:, :-1], 0), there
    flow = _learnt(paths, looks_forward=flows == "forward_looking")
    inner = torch.where(there, flow, 0) - torch.where(there, reached[:, :-1], 0)
    end = paths.end_reward(floor) - ended(reached[:, 1:], paths.lengths)
    at = torch.arange(reached.shape[1], device=reached.device)
    ends = (paths.lengths + 1).unsqueeze(1)
    padded = torch.nn.functional.pad(inner, (0, 1))
    return torch.where(at == ends, end.unsqueeze(1), padded), at <= ends


def _learnt(paths: Paths, *, looks_forward: bool) -> Tensor:
    """The log-flow of each state, with the energy if it looks forward."""
    if paths.log_flow is None:
        raise ConfigError("there are no learnt flows", hint="give log_flow, or let every prefix stop")
    flow = torch.where(paths.on_path, paths.log_flow, 0)
    if looks_forward:
        if paths.log_energy is None:
            raise ConfigError("the forward-looking form needs energies", hint="give log_energy")
        flow = flow + torch.where(paths.on_path, paths.log_energy, 0)
    return only_finite("a log-flow or log-energy", flow)
