"""On the same trajectories our objectives have the values and gradients of torchgfn's, and it is said how they map.

Run by `make oracle`, in an environment of its own: torchgfn wants an older numpy.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

pytest.importorskip("gfn", reason="torchgfn has an environment of its own: make oracle")

from gfn.gflownet import (
    DBGFlowNet,
    LogPartitionVarianceGFlowNet,
    ModifiedDBGFlowNet,
    SubTBGFlowNet,
    TBGFlowNet,
)

from omega_fast.train.gflownet import objectives
from omega_fast.train.gflownet.tabular import TabularPolicy, Tree
from tests.oracle.torchgfn_tree import There, there
from tests.train.gflownet import trees


def random_tree(states: int, stop_everywhere: bool, seed: int) -> Tree:
    """A deep random tree with energies."""
    draw = torch.Generator().manual_seed(seed)
    parents = [-1, *(int(torch.randint(max(0, at - 3), at, (1,), generator=draw)) for at in range(1, states))]
    rewards = (4 * torch.randn(states, generator=draw)).tolist()
    inner = set(parents)
    bare = [at for at in range(states) if at in inner and at % 2 == 0 and not stop_everywhere]
    energies = torch.randn(states, generator=draw).tolist()
    return Tree(parents, [trees.NEVER if at in bare else each for at, each in enumerate(rewards)], energies)


TREES = {
    "uneven": trees.uneven(),
    "stopping": trees.stopping(),
    "deep": random_tree(40, False, 1),
    "deep, stopping": random_tree(40, True, 2),
}
STOPPING = ["stopping", "deep, stopping"]
LAMBDAS = [0.0, 0.3, 0.9, 1.0]


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def made(kind: str, looks_forward: bool = False) -> tuple[TabularPolicy, Tensor, There]:
    """A random policy with random flows, 24 paths, and both as torchgfn has them."""
    tree = TREES[kind]
    policy, draw = TabularPolicy(tree), torch.Generator().manual_seed(5)
    with torch.no_grad():
        for each in policy.parameters():
            each.normal_(generator=draw)
    ends = torch.randint(len(tree.ends), (24,), generator=draw)
    return policy, ends, there(policy, ends, policy.log_flow, looks_forward=looks_forward)


def same(ours: Tensor, theirs: Tensor, policy: TabularPolicy) -> None:
    """Equal in value and in the gradient for logits and flows."""
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)
    found = []
    for loss in (ours, theirs):
        policy.logits.grad = policy.log_flow.grad = None
        loss.backward()
        flow = policy.log_flow.grad
        found.append((policy.logits.grad, torch.zeros_like(policy.log_flow) if flow is None else flow))
    assert found[1][0].abs().max() > 0
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kind", TREES)
def test_trajectory_balance_is_theirs(kind):
    policy, ends, given = made(kind)
    log_z = torch.tensor(1.7)
    theirs = TBGFlowNet(**given.fixed, init_logZ=1.7).loss(given.environment, given.trajectories)
    same(objectives.trajectory_balance(policy.paths(ends), log_z).mean(), theirs, policy)


@pytest.mark.parametrize("kind", TREES)
def test_vargrad_of_one_prompt_is_their_log_partition_variance(kind):
    policy, ends, given = made(kind)
    theirs = LogPartitionVarianceGFlowNet(**given.fixed).loss(given.environment, given.trajectories)
    same(objectives.vargrad(policy.paths(ends)).mean(), theirs, policy)


@pytest.mark.parametrize("looks_forward", [False, True])
@pytest.mark.parametrize("kind", TREES)
def test_detailed_balance_is_theirs_with_a_path_weighted_by_its_actions(kind, looks_forward):
    policy, ends, given = made(kind, looks_forward)
    balance = DBGFlowNet(**given.fixed, logF=given.log_flow, forward_looking=looks_forward)
    theirs = balance.loss(given.environment, given.trajectories.to_transitions())
    paths = policy.paths(ends)
    ours = objectives.detailed_balance(paths, flows="forward_looking" if looks_forward else "learnt")
    actions = paths.lengths + 1
    same((ours * actions).sum() / actions.sum(), theirs, policy)


@pytest.mark.parametrize("kind", STOPPING)
def test_detailed_balance_where_all_stop_is_their_modified_one_with_a_path_weighted_by_its_steps(kind):
    policy, ends, given = made(kind)
    balance = ModifiedDBGFlowNet(**given.fixed)
    theirs = balance.loss(given.environment, given.trajectories.to_transitions())
    paths = policy.paths(ends)
    ours = objectives.detailed_balance(paths)
    same((ours * paths.lengths).sum() / paths.lengths.sum(), theirs, policy)


def their_subtb(given: There, weighting: str, lam: float = 0.9, looks_forward: bool = False) -> SubTBGFlowNet:
    return SubTBGFlowNet(
        **given.fixed, logF=given.log_flow, weighting=weighting, lamda=lam, forward_looking=looks_forward
    )


@pytest.mark.parametrize("looks_forward", [False, True])
@pytest.mark.parametrize("lam", LAMBDAS)
@pytest.mark.parametrize("kind", TREES)
def test_subtb_is_theirs_with_weighting_geometric_within(kind, lam, looks_forward):
    policy, ends, given = made(kind, looks_forward)
    theirs = their_subtb(given, "geometric_within", lam, looks_forward).loss(
        given.environment, given.trajectories
    )
    ours = objectives.subtb(policy.paths(ends), lam, flows="forward_looking" if looks_forward else "learnt")
    same(ours.mean(), theirs, policy)


@pytest.mark.parametrize("kind", TREES)
@pytest.mark.parametrize("weighting", ["equal_within", "equal", "ModifiedDB", "DB", "TB"])
def test_their_other_weightings_are_ours_too(kind, weighting):
    policy, ends, given = made(kind)
    theirs = their_subtb(given, weighting).loss(given.environment, given.trajectories)
    paths = policy.paths(ends)
    actions = paths.lengths + 1
    parts = actions * (actions + 1) / 2
    ours = {
        "equal_within": lambda: objectives.subtb(paths, 1.0, flows="learnt").mean(),
        "equal": lambda: (objectives.subtb(paths, 1.0, flows="learnt") * parts).sum() / parts.sum(),
        "ModifiedDB": lambda: objectives.detailed_balance(paths, flows="learnt").mean(),
        "DB": lambda: (objectives.detailed_balance(paths, flows="learnt") * actions).sum() / actions.sum(),
        "TB": lambda: objectives.trajectory_balance(paths, policy.log_flow[paths.groups]).mean(),
    }
    same(ours[weighting](), theirs, policy)


def test_their_weighting_geometric_averages_each_length_over_the_batch_so_it_is_none_of_ours():
    policy, ends, given = made("deep")
    theirs = their_subtb(given, "geometric", 0.5).loss(given.environment, given.trajectories)
    ours = objectives.subtb(policy.paths(ends), 0.5, flows="learnt").mean()
    assert abs(float((ours - theirs).detach())) > 0.1
    alike = ends[(policy.tree.lengths[ends] == policy.tree.lengths[ends[0]])]
    one_length = there(policy, alike, policy.log_flow)
    theirs = their_subtb(one_length, "geometric", 0.5).loss(one_length.environment, one_length.trajectories)
    paths = policy.paths(alike)
    actions = int(paths.lengths[0]) + 1
    # Even then: theirs gives a length lam^(k-1) whatever its number of parts, ours each part
    by_length = _mean_of_each_length(paths)
    weights = 0.5 ** torch.arange(actions)
    torch.testing.assert_close((by_length * weights).sum() / weights.sum(), theirs)
    counts = torch.arange(actions, 0, -1)
    mine = (by_length * weights * counts).sum() / (weights * counts).sum()
    torch.testing.assert_close(objectives.subtb(paths, 0.5, flows="learnt").mean(), mine)


def _mean_of_each_length(paths: objectives.Paths) -> Tensor:
    """The mean squared imbalance of parts of 1, 2, ... actions, of paths of equal length, (actions,)."""
    steps = int(paths.lengths[0])
    moved = torch.cat([torch.zeros(len(paths), 1), paths.log_actions()[:, : steps + 1].cumsum(dim=1)], dim=1)
    flow = torch.cat([paths.log_flow[:, : steps + 1], paths.log_reward[:, steps : steps + 1]], dim=1)
    level = flow - moved
    return torch.stack(
        [((level[:, :-length] - level[:, length:]) ** 2).mean() for length in range(1, steps + 2)]
    )


@pytest.mark.parametrize("lam", LAMBDAS)
@pytest.mark.parametrize("kind", STOPPING)
def test_where_all_stop_our_subtb_has_their_imbalances_with_the_stop_left_out(kind, lam):
    policy, ends, _ = made(kind)
    log_probs = policy.log_probs()
    given = there(policy, ends, policy.tree.log_reward - log_probs[:, -1])
    scores, _ = their_subtb(given, "geometric_within").get_scores(given.trajectories, env=given.environment)
    paths, losses = policy.paths(ends), []
    for path, steps in enumerate(paths.lengths.tolist()):
        parts = [
            (lam ** (j - i - 1), scores[j - i - 1][i, path])
            for i in range(steps)
            for j in range(i + 1, steps + 1)
        ]
        below = sum(weight for weight, _ in parts)
        losses.append(sum(weight * apart**2 for weight, apart in parts) / below if parts else torch.zeros(()))
        # The stop from a state of flow R / P_stop is balanced, so a part with it is as far off as without it
        for i in range(steps):
            torch.testing.assert_close(scores[steps - i][i, path], scores[steps - i - 1][i, path])
        assert abs(float(scores[0][steps, path].detach())) < 1e-12
    same(objectives.subtb(paths, lam).mean(), torch.stack(losses).mean(), policy)
