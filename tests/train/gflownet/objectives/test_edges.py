"""What objectives do with rewards of 0, missing probability, and settings that cannot work."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from omega_fast.errors import ConfigError, InputError
from omega_fast.train.gflownet import objectives
from omega_fast.train.gflownet.objectives import Paths
from tests.train.gflownet.objectives import plain
from tests.train.gflownet.objectives.test_values import ALL, BALANCED, LOG_Z, gradients

FLOWS = ["stop", "learnt", "forward_looking"]


def with_end(paths: Paths, value: float) -> Paths:
    """The first path ends in a state of another log-reward."""
    reward = paths.log_reward.detach().clone()
    reward[0, paths.lengths[0]] = value
    return replace(paths, log_reward=reward)


@pytest.mark.parametrize("name", BALANCED)
def test_a_reward_of_zero_gives_finite_losses_and_gradients(name):
    paths = with_end(plain.some_paths(), -math.inf)
    fast, _ = BALANCED[name]
    assert torch.isfinite(fast(paths)).all()
    assert all(torch.isfinite(each).all() for each in gradients(fast, paths).values())


def test_a_reward_of_zero_counts_as_the_floor():
    paths = plain.some_paths()
    zero, floor = with_end(paths, -math.inf), with_end(paths, -50.0)
    for loss in (
        lambda given: objectives.trajectory_balance(given, LOG_Z, floor=-50.0),
        lambda given: objectives.vargrad(given, floor=-50.0),
        lambda given: objectives.subtb(given, floor=-50.0),
        lambda given: objectives.subtb(given, flows="learnt", floor=-50.0),
        lambda given: objectives.detailed_balance(given, floor=-50.0),
    ):
        torch.testing.assert_close(loss(zero), loss(floor))


def test_with_learnt_flows_only_the_reward_of_the_end_matters():
    paths = plain.some_paths()
    reward = torch.full_like(paths.log_reward, -math.inf).scatter(
        1, paths.lengths.unsqueeze(1), paths.log_reward.detach().gather(1, paths.lengths.unsqueeze(1))
    )
    torch.testing.assert_close(
        objectives.subtb(replace(paths, log_reward=reward), flows="learnt"),
        objectives.subtb(paths, flows="learnt"),
    )


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("name", BALANCED)
def test_a_reward_that_is_no_number_is_refused(name, value):
    fast, _ = BALANCED[name]
    with pytest.raises(InputError, match=r"log-reward.*path 0 of 7"):
        fast(with_end(plain.some_paths(), value))


@pytest.mark.parametrize("name", ALL)
def test_a_path_that_the_policy_cannot_write_is_refused(name):
    paths = plain.some_paths()
    with torch.no_grad():
        paths.log_forward[2, 0] = -math.inf
        paths.lengths[2] = 3
    with pytest.raises(InputError, match="path 2 of 7"):
        ALL[name][0](paths)


def test_a_state_without_a_stop_is_refused_where_flows_come_from_stops():
    paths = plain.some_paths()
    stop = paths.log_stop.detach().clone()
    stop[0, 1] = -math.inf
    bare = replace(paths, log_stop=stop)
    with pytest.raises(InputError, match="learnt flows"):
        objectives.subtb(bare)
    torch.testing.assert_close(
        objectives.subtb(bare, flows="learnt"), objectives.subtb(paths, flows="learnt")
    )


@pytest.mark.parametrize("lam", [-0.1, 1.5, math.nan])
def test_a_lambda_out_of_range_is_refused(lam):
    with pytest.raises(ConfigError, match="lambda"):
        objectives.subtb(plain.some_paths(), lam)


def test_flows_and_energies_that_are_not_there_are_asked_for():
    paths = plain.some_paths()
    with pytest.raises(ConfigError, match="no learnt flows"):
        objectives.detailed_balance(replace(paths, log_flow=None), flows="learnt")
    with pytest.raises(ConfigError, match="energies"):
        objectives.subtb(replace(paths, log_energy=None), flows="forward_looking")
    objectives.subtb(replace(paths, log_flow=None, log_energy=None))


def test_shapes_that_do_not_fit_are_refused_by_name():
    paths = plain.some_paths()
    for name, wrong in {
        "log_stop": paths.log_stop[:, :-1],
        "log_reward": paths.log_reward[1:],
        "lengths": paths.lengths[1:],
        "log_flow": paths.log_flow[:, :2],
    }.items():
        with pytest.raises(InputError, match=name):
            replace(paths, **{name: wrong})


def test_a_path_without_steps_has_a_stop_alone():
    paths = plain.some_paths()
    assert paths.lengths[1] == 0
    assert objectives.subtb(paths)[1] == 0
    assert objectives.detailed_balance(paths)[1] == 0
    wanted = (paths.log_flow[1, 0] + paths.log_stop[1, 0] - paths.log_reward[1, 0]) ** 2
    torch.testing.assert_close(objectives.subtb(paths, flows="learnt")[1], wanted)
    torch.testing.assert_close(objectives.sft(paths)[1], -paths.log_stop[1, 0])


def test_paths_of_no_steps_at_all_have_losses():
    none = Paths(
        torch.zeros(2, 0),
        torch.tensor([[-0.5], [-0.1]]),
        torch.zeros(2, 1),
        torch.zeros(2, dtype=torch.long),
        torch.zeros(2),
    )
    assert objectives.subtb(none).tolist() == [0, 0]
    assert objectives.vargrad(none).tolist() == pytest.approx([0.04, 0.04])


def test_a_prompt_with_one_path_teaches_nothing_by_vargrad():
    paths = plain.some_paths()
    assert objectives.vargrad(paths)[5] == 0


@pytest.mark.parametrize("flows", FLOWS)
def test_single_precision_is_enough_for_a_thousand_tokens(flows):
    torch.manual_seed(3)
    steps = 1000
    tensors = {
        "log_forward": -torch.rand(2, steps),
        "log_stop": -10 * torch.rand(2, steps + 1),
        "log_reward": torch.randn(2, steps + 1),
        "log_flow": torch.randn(2, steps + 1),
        "log_energy": torch.randn(2, steps + 1),
    }
    rest = {"lengths": torch.tensor([steps, steps // 2]), "groups": torch.zeros(2)}
    wide = {name: each.double() for name, each in tensors.items()}
    found = objectives.subtb(Paths(**tensors, **rest), flows=flows)
    wanted = objectives.subtb(Paths(**wide, **rest), flows=flows)
    torch.testing.assert_close(found.double(), wanted, rtol=1e-4, atol=1e-4)
