"""Small trees with a policy of one number an action, where everything about a GFlowNet can be computed exactly."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from omega_fast.errors import InputError
from omega_fast.train.gflownet.objectives import Paths

__all__ = ["Loss", "TabularPolicy", "Tree", "fit", "flows", "learn", "optimum", "total_variation"]


class Tree:
    """Trees of states, the root of each a prompt. In every state that has a reward one may stop.

    Args:
        parents: The state above each state, which must have a smaller number; -1 for a root.
        log_reward: log R of stopping in each state; -inf where one cannot stop.
        log_energy: log R~ of each state, what a PRM says of it; 0 by default.

    Attributes:
        parents: The same.
        log_reward: The same, (states,), float64.
        log_energy: The same, (states,), float64.
        children: The states below each state.
        slots: Which of its parent's actions leads to each state, (states,).
        ends: The states in which one may stop, (ends,).
        states: The states on the way to each end, the root first, (ends, most steps + 1), filled up with the root.
        lengths: Steps on the way to each end, (ends,).
        roots: The root of each end, (ends,).
        prompts: All roots, (prompts,).

    Raises:
        InputError: If a state comes before the one above it, or nothing can be done in one.
    """

    def __init__(
        self, parents: Sequence[int], log_reward: Sequence[float], log_energy: Sequence[float] | None = None
    ) -> None:
        below: list[list[int]] = [[] for _ in parents]
        slots, ways = [], list[list[int]]()
        for state, parent in enumerate(parents):
            if parent >= state:
                raise InputError(f"state {state} comes before the one above it, {parent}")
            slots.append(len(below[parent]) if parent >= 0 else 0)
            ways.append([*(ways[parent] if parent >= 0 else []), state])
            if parent >= 0:
                below[parent].append(state)
        if dead := [at for at, each in enumerate(log_reward) if each == -math.inf and not below[at]]:
            raise InputError(
                f"nothing can be done in state {dead[0]}", hint="give it a reward or a state below"
            )
        ends = [at for at, each in enumerate(log_reward) if each > -math.inf]
        longest = max(len(ways[at]) for at in ends)
        self.parents = tuple(parents)
        self.log_reward = torch.tensor(log_reward, dtype=torch.float64)
        self.log_energy = torch.tensor(log_energy or [0.0] * len(parents), dtype=torch.float64)
        self.children = tuple(map(tuple, below))
        self.slots = torch.tensor(slots)
        self.ends = torch.tensor(ends)
        self.states = torch.tensor([ways[at] + ways[at][:1] * (longest - len(ways[at])) for at in ends])
        self.lengths = torch.tensor([len(ways[at]) - 1 for at in ends])
        self.roots = torch.tensor([ways[at][0] for at in ends])
        self.prompts = torch.tensor([at for at, parent in enumerate(parents) if parent < 0])

    def __len__(self) -> int:
        return len(self.parents)


Loss = Callable[[Paths, "TabularPolicy"], Tensor]
"""From paths and the policy they are of, for its learnt log Z, to the loss of each path."""


class TabularPolicy:
    """A policy with a logit for each action of each state, the stop the last, and learnt flows; uniform at first.

    Args:
        tree: The states.

    Attributes:
        tree: The same.
        logits: (states, most children + 1), with gradient.
        log_flow: A learnt log F of each state, (states,), with gradient.
        log_z: A learnt log Z, (states,), of which the roots' count, with gradient.
    """

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        actions = max(map(len, tree.children)) + 1
        self._there = torch.zeros(len(tree), actions, dtype=torch.bool)
        for state, below in enumerate(tree.children):
            self._there[state, : len(below)] = True
        self._there[:, -1] = tree.log_reward > -math.inf
        self.logits = torch.zeros(len(tree), actions, dtype=torch.float64, requires_grad=True)
        self.log_flow = torch.zeros(len(tree), dtype=torch.float64, requires_grad=True)
        self.log_z = torch.zeros(len(tree), dtype=torch.float64, requires_grad=True)

    def parameters(self) -> list[Tensor]:
        """All that is learnt."""
        return [self.logits, self.log_flow, self.log_z]

    def log_probs(self) -> Tensor:
        """The log-probability of each action in each state, (states, actions); -inf where there is none."""
        return self.logits.masked_fill(~self._there, -math.inf).log_softmax(dim=1)

    def paths(self, ends: Tensor | None = None) -> Paths:
        """The paths to some ends, by their place among `tree.ends`, or to all of them."""
        tree, chosen = self.tree, slice(None) if ends is None else ends
        states, table = tree.states[chosen], self.log_probs()
        return Paths(
            log_forward=table[states[:, :-1], tree.slots[states[:, 1:]]],
            log_stop=table[states, -1],
            log_reward=tree.log_reward[states],
            lengths=tree.lengths[chosen],
            groups=tree.roots[chosen],
            log_flow=self.log_flow[states],
            log_energy=tree.log_energy[states],
        )

    def distribution(self) -> Tensor:
        """The exact probability of each end given its prompt, (ends,)."""
        return self.paths().log_prob().exp()

    def draw(self, paths: int, generator: torch.Generator, *, explore: float = 0.0) -> Tensor:
        """Ends drawn of all prompts alike, (paths,): by the policy, or with some chance by uniform actions."""
        tree = self.tree
        with torch.no_grad():
            own = self.distribution()
            chances = (1 - explore) * own + explore * TabularPolicy(tree).distribution() if explore else own
        return torch.multinomial(chances, paths, replacement=True, generator=generator)


def flows(tree: Tree) -> Tensor:
    """The log-flow of each state: the sum of the rewards in it and below, from the leaves upwards, (states,)."""
    flow = tree.log_reward.clone()
    for state in range(len(tree) - 1, -1, -1):
        if (parent := tree.parents[state]) >= 0:
            flow[parent] = torch.logaddexp(flow[parent], flow[state])
    return flow


def optimum(tree: Tree, *, forward_looking: bool = False) -> TabularPolicy:
    """The policy that ends in each state with probability R / sum R, and its flows, in closed form.

    P_F(s' | s) = F(s') / F(s), P_stop(s) = R(s) / F(s), and Z = F(root).
    """
    policy, flow = TabularPolicy(tree), flows(tree)
    with torch.no_grad():
        for state, below in enumerate(tree.children):
            policy.logits[state, : len(below)] = flow[list(below)]
        policy.logits[:, -1] = tree.log_reward.clamp(min=torch.finfo(torch.float64).min)
        policy.log_flow.copy_(flow - tree.log_energy if forward_looking else flow)
        policy.log_z.copy_(flow)
    return policy


def total_variation(policy: TabularPolicy) -> float:
    """Half the sum of |P - R / Z| over a prompt's ends, the mean over prompts; exact."""
    tree = policy.tree
    with torch.no_grad():
        target = (tree.log_reward[tree.ends] - flows(tree)[tree.roots]).exp()
        return float((policy.distribution() - target).abs().sum() / 2 / len(tree.prompts))


def fit(policy: TabularPolicy, loss: Loss, ends: Tensor, *, iterations: int = 200) -> None:
    """Take a policy to the minimum of the mean loss over fixed paths, by L-BFGS.

    Args:
        policy: What is trained.
        loss: What is minimised.
        ends: The ends of the paths, by their place among `tree.ends`; one may come several times.
        iterations: How many at most.
    """
    optimizer: Any = torch.optim.LBFGS(
        policy.parameters(),
        max_iter=iterations,
        history_size=30,
        tolerance_grad=1e-12,
        tolerance_change=1e-14,
        line_search_fn="strong_wolfe",
    )

    def mean_loss() -> float:
        optimizer.zero_grad()
        mean = loss(policy.paths(ends), policy).mean()
        torch.autograd.backward(mean)
        return float(mean.detach())

    optimizer.step(mean_loss)


def learn(
    policy: TabularPolicy,
    loss: Loss,
    drawn: Callable[[int], Tensor],
    *,
    updates: int,
    learning_rate: float,
) -> Iterator[int]:
    """Train a policy by Adam on paths drawn anew for each update.

    Args:
        policy: What is trained.
        loss: What is minimised.
        drawn: The ends of an update's paths, by their place among `tree.ends`.
        updates: How many.
        learning_rate: The same throughout.

    Yields:
        The number of each update when it is made.
    """
    optimizer = torch.optim.Adam(policy.parameters(), lr=learning_rate)
    for update in range(1, updates + 1):
        optimizer.zero_grad()
        torch.autograd.backward(loss(policy.paths(drawn(update)), policy).mean())
        optimizer.step()
        yield update
