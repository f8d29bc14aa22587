"""The objectives as their formulas read: a path at a time, with plain loops."""

from __future__ import annotations

import torch
from torch import Tensor

from omega_fast.train.gflownet.objectives import Paths


def some_paths(paths: int = 7, steps: int = 5, seed: int = 0, padding: float = 0.0) -> Paths:
    """Paths of 0 to `steps` steps of three prompts; every tensor a leaf in float64, `padding` past each path's end."""
    torch.manual_seed(seed)
    lengths = torch.randint(0, steps + 1, (paths,))
    lengths[0], lengths[1] = steps, 0
    past = torch.arange(steps + 1) > lengths.unsqueeze(1)

    def leaf(values: Tensor) -> Tensor:
        values = values.double()
        return values.masked_fill(past[:, : values.shape[1]], padding).requires_grad_()

    forward = (
        torch.randn(paths, steps).double().masked_fill(torch.arange(steps) >= lengths.unsqueeze(1), padding)
    )
    return Paths(
        log_forward=forward.requires_grad_(),
        log_stop=leaf(-torch.rand(paths, steps + 1) * 3),
        log_reward=leaf(torch.randn(paths, steps + 1) * 4),
        lengths=lengths,
        groups=torch.tensor([5, 5, 2, 2, 2, 9, 5])[:paths],
        log_flow=leaf(torch.randn(paths, steps + 1)),
        log_energy=leaf(torch.randn(paths, steps + 1)),
    )


def log_prob(paths: Paths, p: int) -> Tensor:
    end = int(paths.lengths[p])
    total = paths.log_stop[p, end]
    for i in range(end):
        total = total + paths.log_forward[p, i]
    return total


def end_reward(paths: Paths, p: int, floor: float = -1000.0) -> Tensor:
    reward = paths.log_reward[p, int(paths.lengths[p])]
    return reward if reward > floor else torch.tensor(floor, dtype=reward.dtype)


def trajectory_balance(paths: Paths, log_z: Tensor) -> Tensor:
    return torch.stack(
        [(log_z[p] + log_prob(paths, p) - end_reward(paths, p)) ** 2 for p in range(len(paths))]
    )


def vargrad(paths: Paths) -> Tensor:
    losses = []
    for p in range(len(paths)):
        peers = [q for q in range(len(paths)) if paths.groups[q] == paths.groups[p]]
        gaps = [(end_reward(paths, q) - log_prob(paths, q)).detach() for q in peers]
        log_z = sum(gaps) / len(gaps)
        losses.append((log_z + log_prob(paths, p) - end_reward(paths, p)) ** 2)
    return torch.stack(losses)


def subtb(paths: Paths, lam: float, flows: str, longest: int | None = None) -> Tensor:
    """All parts i < j of each path; `longest` leaves out those of more steps."""
    losses = []
    for p in range(len(paths)):
        end = int(paths.lengths[p])
        flow, step = [], [paths.log_forward[p, i] for i in range(end)]
        for i in range(end + 1):
            match flows:
                case "stop":
                    flow.append(paths.log_reward[p, i] - paths.log_stop[p, i])
                case "learnt":
                    flow.append(paths.log_flow[p, i])
                case "forward_looking":
                    flow.append(paths.log_flow[p, i] + paths.log_energy[p, i])
        if flows != "stop":
            step.append(paths.log_stop[p, end])
            flow.append(end_reward(paths, p))
        above, below = paths.log_forward.new_zeros(()), 0.0
        for i in range(len(flow)):
            for j in range(i + 1, len(flow)):
                if longest is not None and j - i > longest:
                    continue
                weight = lam ** (j - i - 1)
                above = above + weight * (flow[i] + sum(step[i:j]) - flow[j]) ** 2
                below += weight
        losses.append(above / below if below else above)
    return torch.stack(losses)


def reinforce(paths: Paths, returns: Tensor, baseline: str) -> Tensor:
    losses = []
    for p in range(len(paths)):
        peers = [float(returns[q]) for q in range(len(paths)) if paths.groups[q] == paths.groups[p]]
        off = sum(peers) / len(peers) if baseline == "group" else 0.0
        losses.append(-(float(returns[p]) - off) * log_prob(paths, p))
    return torch.stack(losses)


def grpo(
    paths: Paths, returns: Tensor, log_old: Tensor, log_reference: Tensor, *, kl: float, clip: float
) -> Tensor:
    losses = []
    for p in range(len(paths)):
        peers = [float(returns[q]) for q in range(len(paths)) if paths.groups[q] == paths.groups[p]]
        mean = sum(peers) / len(peers)
        deviation = (sum((each - mean) ** 2 for each in peers) / len(peers)) ** 0.5
        advantage = (float(returns[p]) - mean) / (deviation + 1e-4)
        end = int(paths.lengths[p])
        terms = []
        for i in range(end + 1):
            now = paths.log_stop[p, end] if i == end else paths.log_forward[p, i]
            ratio = torch.exp(now - log_old[p, i])
            gained = torch.minimum(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage)
            behind = log_reference[p, i] - now
            terms.append(-gained + kl * (behind.exp() - behind - 1))
        losses.append(sum(terms) / len(terms))
    return torch.stack(losses)
