"""Sampled trajectories as padded tensors: what every objective takes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from omega_fast.errors import InputError

__all__ = ["REWARD_FLOOR", "Paths", "ended", "group_mean", "only_finite"]

REWARD_FLOOR = -1000.0
"""What counts as the log of a reward of 0, and the least there is: far below any solution's own log-probability."""


@dataclass(frozen=True, slots=True)
class Paths:
    """Trajectories on prefix trees, each from a prompt to a stop, padded on the right.

    A tree has one way to each of its states, so the backward policy is 1 and appears nowhere. A step is whatever the
    caller takes for one: at token level every token is. What stands in padding does not matter, and may be NaN.

    Attributes:
        log_forward: log P_F(step i | state i), (paths, steps), with gradient.
        log_stop: log P_stop(state i), (paths, steps + 1), with gradient; the one at `lengths` ends the path.
        log_reward: log R of stopping at state i, tempered and clipped, (paths, steps + 1); -inf where one cannot stop.
        lengths: Steps before the stop, (paths,).
        groups: Which prompt, (paths,); any whole numbers.
        log_flow: A learnt log F of state i, or log F~ in the forward-looking form, (paths, steps + 1), with gradient.
        log_energy: log R~ of state i, what a PRM says of a prefix, (paths, steps + 1): 0 for a whole prompt.

    Raises:
        InputError: If shapes do not fit.
    """

    log_forward: Tensor
    log_stop: Tensor
    log_reward: Tensor
    lengths: Tensor
    groups: Tensor
    log_flow: Tensor | None = None
    log_energy: Tensor | None = None

    def __post_init__(self) -> None:
        paths, steps = self.log_forward.shape
        wanted = {
            "log_stop": (paths, steps + 1),
            "log_reward": (paths, steps + 1),
            "lengths": (paths,),
            "groups": (paths,),
            "log_flow": (paths, steps + 1),
            "log_energy": (paths, steps + 1),
        }
        for name, shape in wanted.items():
            found: Tensor | None = getattr(self, name)
            if found is not None and found.shape != shape:
                raise InputError(
                    f"{name} has shape {tuple(found.shape)} beside {paths} paths of up to {steps} steps",
                    hint=f"it must have shape {shape}",
                )

    def __len__(self) -> int:
        return len(self.log_forward)

    @property
    def on_path(self) -> Tensor:
        """Whether state i is on the path, bool, (paths, steps + 1)."""
        return _at(self.log_stop) <= self.lengths.unsqueeze(1)

    def log_actions(self) -> Tensor:
        """The log-probabilities of what was done in turn: the steps and then the stop, (paths, steps + 1); 0 after it.

        Raises:
            InputError: If one is infinite or NaN: no objective can learn from what the policy never does.
        """
        at, ends = _at(self.log_stop), self.lengths.unsqueeze(1)
        forward = torch.nn.functional.pad(self.log_forward, (0, 1))
        actions = torch.where(at < ends, forward, torch.where(at == ends, self.log_stop, 0))
        return only_finite("the log-probability of a step or stop", actions)

    def log_prob(self) -> Tensor:
        """The log-probability of each path, its stop included, (paths,). Raises as `log_actions` does."""
        return self.log_actions().sum(dim=1)

    def end_reward(self, floor: float = REWARD_FLOOR) -> Tensor:
        """The log-reward of each path, (paths,), at least `floor`.

        Raises:
            InputError: If one is NaN or infinitely great.
        """
        return only_finite("the log-reward of a path", ended(self.log_reward, self.lengths).clamp(min=floor))


def ended(values: Tensor, lengths: Tensor) -> Tensor:
    """The value at each path's last state, (paths, steps + 1) to (paths,)."""
    return values.gather(1, lengths.unsqueeze(1)).squeeze(1)


def group_mean(values: Tensor, groups: Tensor) -> Tensor:
    """For each path the mean over all paths of its prompt, (paths,)."""
    _, at, counts = torch.unique(groups, return_inverse=True, return_counts=True)
    sums = torch.zeros(len(counts), dtype=values.dtype, device=values.device).index_add(0, at, values)
    means: Tensor = (sums / counts)[at]
    return means


def only_finite(what: str, values: Tensor) -> Tensor:
    """The values as they are.

    Raises:
        InputError: If one is infinite or NaN.
    """
    if not bool(torch.isfinite(values).all()):
        row = int((~torch.isfinite(values)).nonzero()[0, 0])
        raise InputError(
            f"{what} is infinite or NaN: path {row} of {len(values)}",
            hint="clip rewards before they come here, and drop paths that the policy cannot write",
        )
    return values


def _at(states: Tensor) -> Tensor:
    """The number of each state, (1, steps + 1)."""
    return torch.arange(states.shape[1], device=states.device).unsqueeze(0)
