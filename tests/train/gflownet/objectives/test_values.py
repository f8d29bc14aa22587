"""Each objective equals its plain loop, in value and gradient."""

from __future__ import annotations

import doctest
from collections.abc import Callable
from dataclasses import fields

import pytest
import torch
from torch import Tensor

from omega_fast.train.gflownet import objectives
from omega_fast.train.gflownet.objectives import Paths
from tests.train.gflownet.objectives import plain

Loss = Callable[[Paths], Tensor]
LOG_Z = torch.tensor([0.3, -1.0, 2.0, 0.0, 5.0, -0.7, 1.1], dtype=torch.float64)
RETURNS = torch.tensor([1.0, 0.0, 0.25, 0.5, 0.25, 3.0, 1.0], dtype=torch.float64)


def drawn(seed: int) -> Tensor:
    return -torch.rand(7, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


SUBTB = {
    f"subtb {flows} {lam:g}": (
        lambda paths, lam=lam, flows=flows: objectives.subtb(paths, lam, flows=flows),
        lambda paths, lam=lam, flows=flows: plain.subtb(paths, lam, flows),
    )
    for flows in ("stop", "learnt", "forward_looking")
    for lam in (0.0, 0.5, 0.9, 1.0)
}
BALANCED = {
    "trajectory balance": (
        lambda paths: objectives.trajectory_balance(paths, LOG_Z),
        lambda paths: plain.trajectory_balance(paths, LOG_Z),
    ),
    "vargrad": (objectives.vargrad, plain.vargrad),
    **{
        f"detailed balance {flows}": (
            lambda paths, flows=flows: objectives.detailed_balance(paths, flows=flows),
            lambda paths, flows=flows: plain.subtb(paths, 1.0, flows, longest=1),
        )
        for flows in ("stop", "learnt", "forward_looking")
    },
    **SUBTB,
}
BASELINES = {
    **{
        f"reinforce {baseline}": (
            lambda paths, baseline=baseline: objectives.reinforce(paths, RETURNS, baseline=baseline),
            lambda paths, baseline=baseline: plain.reinforce(paths, RETURNS, baseline),
        )
        for baseline in ("group", "none")
    },
    "grpo": (
        lambda paths: objectives.grpo(
            paths, RETURNS, log_old=drawn(1), log_reference=drawn(2), kl=0.1, clip=0.2
        ),
        lambda paths: plain.grpo(paths, RETURNS, drawn(1), drawn(2), kl=0.1, clip=0.2),
    ),
    "sft": (
        objectives.sft,
        lambda paths: torch.stack([-plain.log_prob(paths, p) for p in range(len(paths))]),
    ),
}
ALL = {**BALANCED, **BASELINES}


def gradients(loss: Loss, paths: Paths) -> dict[str, Tensor]:
    """The gradient of a weighted sum of losses for each tensor of the paths."""
    weights = torch.linspace(0.5, 2.0, len(paths), dtype=torch.float64)
    (loss(paths) * weights).sum().backward()
    found = {}
    for field in fields(paths):
        value = getattr(paths, field.name)
        if value.requires_grad:
            found[field.name] = torch.zeros_like(value) if value.grad is None else value.grad.clone()
            value.grad = None
    return found


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("name", ALL)
def test_values_and_gradients_are_those_of_a_plain_loop(name, seed):
    fast, slow = ALL[name]
    paths = plain.some_paths(seed=seed)
    torch.testing.assert_close(fast(paths), slow(paths), rtol=1e-12, atol=1e-12)
    found, wanted = gradients(fast, paths), gradients(slow, paths)
    assert any(each.abs().sum() > 0 for each in wanted.values())
    for tensor, gradient in wanted.items():
        torch.testing.assert_close(found[tensor], gradient, rtol=1e-12, atol=1e-12, msg=tensor)


@pytest.mark.parametrize("name", ALL)
def test_what_stands_in_padding_has_no_influence_even_if_it_is_nan(name):
    fast, _ = ALL[name]
    clean, dirty = plain.some_paths(), plain.some_paths(padding=float("nan"))
    torch.testing.assert_close(fast(dirty), fast(clean))
    found, wanted = gradients(fast, dirty), gradients(fast, clean)
    for tensor, gradient in wanted.items():
        torch.testing.assert_close(found[tensor], gradient)


@pytest.mark.parametrize("flows", ["stop", "learnt", "forward_looking"])
def test_detailed_balance_is_subtrajectory_balance_at_lambda_0(flows):
    paths = plain.some_paths()
    torch.testing.assert_close(
        objectives.detailed_balance(paths, flows=flows), objectives.subtb(paths, 0.0, flows=flows)
    )


@pytest.mark.parametrize("name", BALANCED)
def test_longer_padding_changes_nothing(name):
    fast, _ = BALANCED[name]
    paths = plain.some_paths()

    def longer(values: Tensor) -> Tensor:
        return torch.nn.functional.pad(values, (0, 3), value=7.0)

    padded = Paths(
        longer(paths.log_forward),
        longer(paths.log_stop),
        longer(paths.log_reward),
        paths.lengths,
        paths.groups,
        longer(paths.log_flow),
        longer(paths.log_energy),
    )
    torch.testing.assert_close(fast(padded), fast(paths), rtol=1e-12, atol=1e-12)


def test_the_gradient_of_vargrad_is_that_of_the_variance():
    paths = plain.some_paths()
    one = Paths(
        paths.log_forward, paths.log_stop, paths.log_reward, paths.lengths, torch.zeros_like(paths.groups)
    )
    objectives.vargrad(one).mean().backward()
    found = paths.log_forward.grad.clone()
    paths.log_forward.grad = None
    (one.end_reward() - one.log_prob()).var(correction=0).backward()
    torch.testing.assert_close(found, paths.log_forward.grad, rtol=1e-12, atol=1e-12)


def test_reinforce_on_the_regularised_return_has_half_the_gradient_of_vargrad():
    paths = plain.some_paths()
    objectives.vargrad(paths).sum().backward()
    found = paths.log_forward.grad.clone()
    paths.log_forward.grad = None
    objectives.reinforce(paths, paths.end_reward() - paths.log_prob()).sum().backward()
    torch.testing.assert_close(paths.log_forward.grad, found / 2, rtol=1e-12, atol=1e-12)


def test_an_on_policy_grpo_without_a_reference_has_the_gradient_of_normalised_advantages():
    paths = plain.some_paths()
    objectives.grpo(paths, RETURNS).sum().backward()
    mean = objectives.group_mean(RETURNS, paths.groups)
    deviation = objectives.group_mean((RETURNS - mean) ** 2, paths.groups).sqrt()
    advantage = (RETURNS - mean) / (deviation + 1e-4) / (paths.lengths + 1)
    wanted = torch.where(torch.arange(5) < paths.lengths.unsqueeze(1), -advantage.unsqueeze(1), 0)
    torch.testing.assert_close(paths.log_forward.grad, wanted)


def test_a_group_of_equal_returns_teaches_nothing():
    paths = plain.some_paths()
    equal = torch.full((7,), 0.3, dtype=torch.float64)
    for loss in (objectives.reinforce, objectives.grpo):
        loss(paths, equal).sum().backward()
        assert paths.log_forward.grad.abs().max() < 1e-9
        paths.log_forward.grad = None


def test_the_example_is_right():
    found = doctest.testmod(objectives)
    assert found.failed == 0
    assert found.attempted > 3
