"""Tabular policies: their distribution, and the closed form of the optimum."""

from __future__ import annotations

import math

import pytest
import torch

from omega_fast.errors import InputError
from omega_fast.train.gflownet.tabular import TabularPolicy, Tree, flows, optimum, total_variation
from tests.train.gflownet.trees import NEVER, stopping, two_prompts, uneven

TREES = [uneven(), stopping(), two_prompts()[0]]


@pytest.mark.parametrize("tree", TREES)
def test_probabilities_of_the_ends_sum_to_one_for_each_prompt(tree):
    policy = TabularPolicy(tree)
    with torch.no_grad():
        policy.logits.normal_()
    for root in tree.prompts:
        assert policy.distribution()[tree.roots == root].sum().item() == pytest.approx(1)


def test_a_path_goes_from_its_root_to_its_end():
    tree = uneven()
    paths = TabularPolicy(tree).paths()
    number = tree.ends.tolist().index(10)
    assert tree.states[number].tolist() == [0, 2, 6, 7, 9, 10]
    assert paths.lengths[number] == 5
    # Three choices at the root, one at 2, three at 6 (two below and the stop), one at 7, at 9 and at 10
    assert paths.log_prob()[number].item() == pytest.approx(-2 * math.log(3))


def test_flows_are_sums_over_all_ends_below():
    tree = uneven()
    for state in range(len(tree)):
        below = [
            float(tree.log_reward[end].exp())
            for end, way, steps in zip(
                tree.ends.tolist(), tree.states.tolist(), tree.lengths.tolist(), strict=True
            )
            if state in way[: steps + 1]
        ]
        assert flows(tree)[state].exp().item() == pytest.approx(sum(below))


@pytest.mark.parametrize("tree", TREES)
def test_the_closed_form_ends_in_proportion_to_reward(tree):
    policy = optimum(tree)
    rewards = tree.log_reward[tree.ends].exp()
    for root in tree.prompts:
        here = tree.roots == root
        torch.testing.assert_close(policy.distribution()[here], rewards[here] / rewards[here].sum())
    assert total_variation(policy) < 1e-12
    assert total_variation(TabularPolicy(tree)) > 0.1


def test_draws_follow_the_distribution():
    tree = stopping()
    policy = TabularPolicy(tree)
    with torch.no_grad():
        policy.logits.normal_()
    drawn = policy.draw(20_000, torch.Generator().manual_seed(0))
    found = torch.bincount(drawn, minlength=len(tree.ends)) / 20_000
    assert (found - policy.distribution()).abs().sum() / 2 < 0.02


def test_trees_that_are_none_are_refused():
    with pytest.raises(InputError, match="state 1 comes before"):
        Tree([-1, 1], [0.0, 0.0])
    with pytest.raises(InputError, match="nothing can be done in state 1"):
        Tree([-1, 0], [0.0, NEVER])
