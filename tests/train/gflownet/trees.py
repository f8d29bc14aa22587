"""Trees small enough to know everything about them."""

from __future__ import annotations

import math
import random

import torch

from omega_fast.train.gflownet.tabular import TabularPolicy, Tree

NEVER = -math.inf


def uneven() -> Tree:
    """Ends at depths 1 to 5, some with states below them, states with one action alone, rewards from 1e-3 to 1e3."""
    parents = [-1, 0, 0, 0, 1, 1, 2, 6, 6, 7, 9]
    rewards = [0, 1e1, 0, 1e-3, 1e3, 3e2, 5e2, 0, 1e-2, 0, 7e2]
    return Tree(parents, [math.log(each) if each else NEVER for each in rewards])


def stopping() -> Tree:
    """In every state one may stop, at depths 0 to 4; what uniform actions seldom reach has the most, 1e-3 to 1e3."""
    parents = [-1, 0, 0, 1, 1, 2, 3, 3, 6, 0]
    rewards = [2e0, 3e1, 5e-2, 1e0, 1e-3, 2e2, 7e2, 1e-1, 1e3, 4e2]
    return Tree(parents, [math.log(each) for each in rewards])


def two_prompts(beta: float = 0.3, seed: int = 3) -> tuple[Tree, TabularPolicy]:
    """Two prompts with the target pi_ref exp(r / beta), r in [0, 1], and the reference pi_ref."""
    rng = random.Random(seed)
    parents = [-1, -1, 0, 0, 1, 1, 1, 2, 2, 4, 7, 6]
    may_stop = [at >= 2 for at in range(len(parents))]
    bare = Tree(parents, [0.0 if each else NEVER for each in may_stop])
    reference = TabularPolicy(bare)
    with torch.no_grad():
        torch.manual_seed(seed)
        reference.logits.normal_()
        table = reference.log_probs()
    reached = [0.0] * len(parents)
    for state, parent in enumerate(parents):
        if parent >= 0:
            reached[state] = reached[parent] + float(table[parent, bare.slots[state]])
    rewards = [rng.random() for _ in parents]
    stops = [reached[at] + float(table[at, -1]) + rewards[at] / beta for at in range(len(parents))]
    energies = [reached[at] + rewards[at] / beta if parents[at] >= 0 else 0.0 for at in range(len(parents))]
    return Tree(parents, stops, energies), reference
