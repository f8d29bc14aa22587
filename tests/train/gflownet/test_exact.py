"""On trees that can be enumerated every objective has its minimum at the target, and learns it from any paths."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from omega_fast.train.gflownet import objectives
from omega_fast.train.gflownet.objectives import Paths
from omega_fast.train.gflownet.tabular import (
    Loss,
    TabularPolicy,
    Tree,
    fit,
    flows,
    learn,
    optimum,
    total_variation,
)
from tests.train.gflownet import trees


def with_energy(tree: Tree) -> Tree:
    """The same with energies of its own: a PRM that says something of every prefix, right or not."""
    torch.manual_seed(4)
    return Tree(tree.parents, tree.log_reward.tolist(), (3 * torch.randn(len(tree))).tolist())


TREES = {
    "uneven": trees.uneven(),
    "stopping": trees.stopping(),
    "prompts": trees.two_prompts()[0],
}
EVERYWHERE = {
    "trajectory balance": lambda paths, policy: objectives.trajectory_balance(
        paths, policy.log_z[paths.groups]
    ),
    "vargrad": lambda paths, policy: objectives.vargrad(paths),
    "detailed balance, learnt": lambda paths, policy: objectives.detailed_balance(paths, flows="learnt"),
    "subtb .9, learnt": lambda paths, policy: objectives.subtb(paths, 0.9, flows="learnt"),
    "detailed balance, forward": lambda paths, policy: objectives.detailed_balance(
        paths, flows="forward_looking"
    ),
    "subtb .9, forward": lambda paths, policy: objectives.subtb(paths, 0.9, flows="forward_looking"),
}
WHERE_ALL_STOP = {
    "detailed balance": lambda paths, policy: objectives.detailed_balance(paths),
    "subtb .5": lambda paths, policy: objectives.subtb(paths, 0.5),
    "subtb .9": lambda paths, policy: objectives.subtb(paths),
    "subtb 1": lambda paths, policy: objectives.subtb(paths, 1.0),
}
CASES = [(tree, name) for tree in TREES for name in EVERYWHERE] + [
    ("stopping", name) for name in WHERE_ALL_STOP
]
LOSSES: dict[str, Loss] = EVERYWHERE | WHERE_ALL_STOP


def tree_for(kind: str, name: str) -> Tree:
    return with_energy(TREES[kind]) if "forward" in name and kind != "prompts" else TREES[kind]


def uniform(tree: Tree, paths: int, seed: int = 0) -> Tensor:
    """Ends of paths whose every action is drawn uniformly."""
    return TabularPolicy(tree).draw(paths, torch.Generator().manual_seed(seed))


def fitted(tree: Tree, loss: Loss) -> TabularPolicy:
    """A policy trained from nothing on one fixed set of uniform paths, in which each end is."""
    policy, ends = TabularPolicy(tree), uniform(tree, 512)
    assert len(ends.unique()) == len(tree.ends)
    fit(policy, loss, ends)
    return policy


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_loss_and_gradient_vanish_at_the_optimum(kind, name):
    tree = tree_for(kind, name)
    policy = optimum(tree, forward_looking="forward" in name)
    assert total_variation(policy) < 1e-12
    losses = LOSSES[name](policy.paths(), policy)
    losses.sum().backward()
    assert losses.abs().max() < 1e-20
    for each in policy.parameters():
        assert each.grad is None or each.grad.abs().max() < 1e-10


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_the_target_is_learnt_from_uniform_paths(kind, name):
    assert total_variation(fitted(tree_for(kind, name), LOSSES[name])) < 0.01


@pytest.mark.parametrize("kind", TREES)
def test_a_policy_away_from_the_optimum_has_a_loss(kind):
    policy = optimum(TREES[kind])
    with torch.no_grad():
        policy.logits[0, 0] += 0.5
    assert total_variation(policy) > 0.01
    for loss in EVERYWHERE.values():
        assert loss(policy.paths(), policy).max() > 1e-4


def scaled_reward(paths: Paths) -> Tensor:
    return paths.end_reward().exp() / 1e3


def after_updates(tree: Tree, loss: Loss) -> TabularPolicy:
    """A policy trained by steps on that same set, as its loss may have no minimum."""
    policy, ends = TabularPolicy(tree), uniform(tree, 512)
    for _ in learn(policy, loss, lambda update: ends, updates=400, learning_rate=0.1):
        pass
    return policy


@pytest.mark.parametrize("baseline", ["none", "group"])
def test_reinforce_on_uniform_paths_does_not_find_the_target(baseline):
    tree = TREES["stopping"]

    def loss(paths: Paths, policy: TabularPolicy) -> Tensor:
        return objectives.reinforce(paths, scaled_reward(paths), baseline=baseline)

    assert total_variation(after_updates(tree, loss)) > 0.3
    at_optimum = optimum(tree)
    loss(at_optimum.paths(uniform(tree, 512)), at_optimum).mean().backward()
    assert at_optimum.logits.grad.abs().max() > 0.01


def test_reinforce_without_a_baseline_finds_what_was_drawn_times_its_reward():
    tree = TREES["stopping"]
    policy = fitted(tree, lambda paths, _: objectives.reinforce(paths, scaled_reward(paths), baseline="none"))
    weighted = torch.bincount(uniform(tree, 512), minlength=len(tree.ends)) * tree.log_reward[tree.ends].exp()
    found = policy.distribution().detach()
    assert (found - weighted / weighted.sum()).abs().sum() / 2 < 0.01


def test_grpo_on_uniform_paths_does_not_find_the_target():
    tree = TREES["stopping"]
    policy = after_updates(tree, lambda paths, _: objectives.grpo(paths, scaled_reward(paths)))
    assert total_variation(policy) > 0.3


def test_the_tilted_reference_is_learnt_for_each_prompt():
    tree, reference = trees.two_prompts()
    policy = fitted(tree, LOSSES["vargrad"])
    assert total_variation(policy) < 0.01
    found, start = policy.distribution().detach(), reference.distribution().detach()
    for root in tree.prompts:
        here = tree.roots == root
        assert found[here].sum() == pytest.approx(1)
        assert (found[here] - start[here]).abs().sum() / 2 > 0.05, "the target is not where it starts"


def test_a_learnt_log_z_is_the_log_of_the_sum_of_rewards():
    tree = TREES["prompts"]
    policy = fitted(tree, LOSSES["trajectory balance"])
    roots = tree.prompts
    torch.testing.assert_close(policy.log_z.detach()[roots], flows(tree)[roots], atol=1e-3, rtol=0)


def test_learnt_flows_are_the_sums_of_rewards_below():
    tree = TREES["uneven"]
    policy = fitted(tree, LOSSES["subtb .9, learnt"])
    torch.testing.assert_close(policy.log_flow.detach(), flows(tree), atol=0.01, rtol=0)


FLOORED = {
    "vargrad": objectives.vargrad,
    "subtb": objectives.subtb,
    "detailed balance": objectives.detailed_balance,
}


@pytest.mark.parametrize("name", FLOORED)
def test_rewards_of_zero_end_at_the_floor(name):
    tree, floor, zero = TREES["stopping"], -15.0, [2, 5]
    rewards = [floor if at in zero else each for at, each in enumerate(tree.log_reward.tolist())]
    clipped = Tree(tree.parents, rewards)

    def loss(paths: Paths, policy: TabularPolicy) -> Tensor:
        reward = paths.log_reward.masked_fill(paths.log_reward == floor, -math.inf)
        return FLOORED[name](replace(paths, log_reward=reward), floor=floor)

    at_optimum = optimum(clipped)
    assert loss(at_optimum.paths(), at_optimum).max() < 1e-20
    policy = fitted(clipped, loss)
    assert total_variation(policy) < 0.01
    assert policy.distribution().detach()[zero].max() < 1e-6


def test_what_the_policy_draws_leads_there_too():
    tree = TREES["stopping"]
    policy, generator = TabularPolicy(tree), torch.Generator().manual_seed(0)
    loss = LOSSES["subtb .9"]
    for _ in learn(
        policy,
        loss,
        lambda update: policy.draw(32, generator, explore=0.2),
        updates=600,
        learning_rate=0.2,
    ):
        pass
    assert total_variation(policy) < 0.01
