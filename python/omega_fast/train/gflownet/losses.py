"""From log-probabilities of tokens to the paths of an objective, and to the loss of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from omega_fast.train.gflownet.config import GflownetConfig
from omega_fast.train.gflownet.network import TokenLogProbs
from omega_fast.train.gflownet.objectives import (
    Paths,
    detailed_balance,
    grpo,
    reinforce,
    sft,
    subtb,
    trajectory_balance,
    vargrad,
)
from omega_fast.train.gflownet.solutions import Scored

__all__ = ["RIGHT", "Laid", "lay_out", "losses_of"]


RIGHT = 0.5
"""What is worth more counts as right, where only right solutions are learnt from."""


@dataclass(frozen=True, slots=True)
class Laid:
    """Solutions as paths.

    Attributes:
        paths: Under the policy.
        reference: log-probabilities of the same actions under the reference, those of the stop at `lengths`,
            (paths, steps + 1).
        worth: r of each, (paths,).
        log_z: The learnt log Z of each path's prompt, (paths,); `None` without one.
    """

    paths: Paths
    reference: Tensor
    worth: Tensor
    log_z: Tensor | None


def lay_out(
    solutions: Sequence[Scored],
    policy: TokenLogProbs,
    reference: TokenLogProbs,
    groups: Sequence[int],
    config: GflownetConfig,
) -> Laid:
    """The paths of scored solutions.

    A solution that was cut off at its longest stopped there for certain, under the reference as well.

    Args:
        solutions: Each with its worth; in the order of the log-probabilities.
        policy: With gradients.
        reference: Without.
        groups: Which question each is of.
        config: Level and target.
    """
    device = policy.tokens.device
    ends = [
        [0, *(each.drawn.cuts if config.level == "step" else range(1, len(each.drawn.ids) + 1))]
        for each in solutions
    ]
    steps = max(map(len, ends)) - 1
    # Behind a path's end its last state is repeated; what stands there means nothing
    at = torch.tensor([[*own, *[own[-1]] * (steps + 1 - len(own))] for own in ends], device=device)
    lengths = torch.tensor([len(own) - 1 for own in ends], device=device)
    forced = torch.tensor([not each.drawn.finished for each in solutions], device=device)
    here = torch.arange(steps + 1, device=device) == lengths.unsqueeze(1)

    def actions(found: TokenLogProbs) -> tuple[Tensor, Tensor, Tensor]:
        """log-probabilities of being at each state, of each step, and of stopping at each state."""
        reached = functional.pad(found.tokens, (1, 0)).cumsum(1).gather(1, at)
        stops = found.stops.gather(1, at)
        stops = torch.where(here & forced.unsqueeze(1), torch.zeros_like(stops), stops)
        return reached, reached[:, 1:] - reached[:, :-1], stops

    _, forward, stops = actions(policy)
    reached_then, forward_then, stops_then = actions(reference)
    bonuses = _padded([each.bonuses for each in solutions], steps + 1, device)
    energies = _padded([each.energies for each in solutions], steps + 1, device)
    anchored = config.reward == "posterior"
    reward = bonuses + (reached_then + stops_then if anchored else 0)
    flow = None
    if policy.flows is not None:
        # Told beside what the reference makes of the prefix, the layer begins near to the truth
        flow = policy.flows.gather(1, at) + (config.tempering * reached_then if anchored else 0)
    paths = Paths(
        log_forward=forward,
        log_stop=stops,
        log_reward=config.tempering * reward,
        lengths=lengths,
        groups=torch.tensor(list(groups), device=device),
        log_flow=flow,
        log_energy=config.tempering * energies,
    )
    then = functional.pad(forward_then, (0, 1))
    then = torch.where(here, stops_then, then)
    worth = torch.tensor([each.r or 0.0 for each in solutions], device=device)
    return Laid(paths, then, worth, None if flow is None else flow[:, 0])


def losses_of(laid: Laid, config: GflownetConfig) -> Tensor:
    """The loss of each path, (paths,).

    Raises:
        InputError: If a log-probability is infinite or NaN.
    """
    paths = laid.paths
    match config.objective:
        case "vargrad":
            losses = vargrad(paths)
        case "tb":
            assert laid.log_z is not None, "the flow layer is there"
            losses = trajectory_balance(paths, laid.log_z)
        case "db":
            losses = detailed_balance(paths, flows=config.flows)
        case "subtb":
            losses = subtb(paths, config.subtb_lambda, flows=config.flows)
        case "reinforce":
            then = torch.where(paths.on_path, laid.reference, 0).sum(1)
            away = paths.log_prob().detach() - then
            losses = reinforce(paths, laid.worth - config.kl * away)
        case "grpo":
            anchor = laid.reference if config.kl else None
            losses = grpo(paths, laid.worth, log_reference=anchor, kl=config.kl)
        case "sft":
            losses = sft(paths) * (laid.worth > RIGHT)
    return losses


def _padded(rows: Sequence[Sequence[float]], width: int, device: torch.device) -> Tensor:
    return torch.tensor([[*row, *[0.0] * (width - len(row))] for row in rows], device=device)
