"""From log-probabilities of actions to the paths of an objective, and to the loss of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from omega_fast.train.gflownet.config import GflownetConfig
from omega_fast.train.gflownet.network import Told
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
from omega_fast.train.gflownet.path_log_probs import PathLogProbs, Written
from omega_fast.train.gflownet.solutions import Scored

__all__ = ["RIGHT", "Laid", "lay_out", "losses_of", "written"]


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


def written(scored: Scored, prompt: Sequence[int], config: GflownetConfig) -> Written:
    """A solution behind its prompt, with the ends of what its actions are."""
    ids = scored.drawn.ids
    ends = scored.drawn.cuts if config.level == "step" else tuple(range(1, len(ids) + 1))
    return Written(tuple(prompt), ids, ends)


def lay_out(
    solutions: Sequence[Scored],
    policy: Told,
    reference: PathLogProbs,
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
    probs = policy.probs
    device = probs.log_stop.device
    width = probs.log_stop.shape[1]
    forced = torch.tensor([not each.drawn.finished for each in solutions], device=device)
    here = torch.arange(width, device=device) == probs.lengths.unsqueeze(1)
    certain = here & forced.unsqueeze(1)
    stops, stops_then = (torch.where(certain, 0, each.log_stop) for each in (probs, reference))
    reached_then = functional.pad(reference.log_forward, (1, 0)).cumsum(1)
    bonuses = _padded([each.bonuses for each in solutions], width, device)
    energies = _padded([each.energies for each in solutions], width, device)
    anchored = config.reward == "posterior"
    reward = bonuses + (reached_then + stops_then if anchored else 0)
    # Told beside what the reference makes of the prefix, learnt flows begin near to the truth
    beside = config.tempering * reached_then if anchored else 0
    flow = None if policy.flows is None else policy.flows + beside
    paths = Paths(
        log_forward=probs.log_forward,
        log_stop=stops,
        log_reward=config.tempering * reward,
        lengths=probs.lengths,
        groups=torch.tensor(list(groups), device=device),
        log_flow=flow,
        log_energy=config.tempering * energies,
    )
    then = torch.where(here, stops_then, functional.pad(reference.log_forward, (0, 1)))
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
