"""The paths that objectives get are those of the policy in front of them, by hand and by plain forwards."""

import math

import pytest
import torch

from omega_fast.models.prm_checkpoint import load_causal, load_tokenizer
from omega_fast.train.gflownet.config import gflownet_config
from omega_fast.train.gflownet.losses import lay_out, losses_of, written
from omega_fast.train.gflownet.network import PolicyModule
from tests.train.gflownet.scored import scored

PROMPT = (5, 6, 7)


@pytest.fixture(scope="module")
def parts(tiny):
    return load_causal(tiny), load_tokenizer(tiny).eos_token_id


def laid(parts, solutions, *, groups=None, **settings):
    network, end = parts
    config = gflownet_config(**{"lora_rank": 0, **settings})
    module = PolicyModule(network, config, [end], packed=False)
    rows = [written(each, PROMPT, config) for each in solutions]
    found = lay_out(solutions, module(rows), module.reference(rows), groups or [0] * len(rows), config)
    return found, config, module


@torch.no_grad()
def by_hand(network, ids, end, temperature=1.0):
    """log-probability of each token, and of the end after each."""
    logits = network(input_ids=torch.tensor([[*PROMPT, *ids]])).logits[0, len(PROMPT) - 1 :]
    told = (logits / temperature).log_softmax(-1)
    return [float(told[at, token]) for at, token in enumerate(ids)], told[:, end].tolist()


@pytest.mark.parametrize("temperature", [1.0, 0.6])
@pytest.mark.parametrize("level", ["step", "token"])
def test_steps_stops_and_rewards_are_those_of_plain_forwards(parts, level, temperature):
    ids = (20, 30, 40, 50, 60)
    each = scored(ids, cuts=(2, 5), bonuses=(0.0, 0.5, 2.0))
    if level == "token":
        each = scored(ids, cuts=(1, 2, 3, 4, 5), bonuses=(0.0,) * 5 + (2.0,))
    found, _, _ = laid(parts, [each], level=level, temperature=temperature)
    tokens, stops = by_hand(parts[0], ids, parts[1], temperature)
    ends = (2, 5) if level == "step" else (1, 2, 3, 4, 5)
    starts = (0, *ends[:-1])
    assert found.paths.log_forward[0].tolist() == pytest.approx(
        [sum(tokens[a:b]) for a, b in zip(starts, ends, strict=True)], abs=1e-4
    )
    assert found.paths.log_stop[0].tolist() == pytest.approx([stops[at] for at in (0, *ends)], abs=1e-4)
    wanted = [
        sum(tokens[:at]) + stops[at] + bonus for at, bonus in zip((0, *ends), each.bonuses, strict=True)
    ]
    assert found.paths.log_reward[0].tolist() == pytest.approx(wanted, abs=1e-4)
    assert found.paths.log_prob().tolist() == pytest.approx([sum(tokens) + stops[-1]], abs=1e-4)


def test_a_solution_that_was_cut_off_has_no_stop_to_pay_for(parts):
    ids = (20, 30)
    found, _, _ = laid(parts, [scored(ids, finished=False)])
    tokens, _ = by_hand(parts[0], ids, parts[1])
    assert found.paths.log_prob().tolist() == pytest.approx([sum(tokens)], abs=1e-4)
    assert found.paths.log_reward[0, -1].item() == pytest.approx(sum(tokens) + 0.5, abs=1e-4)


@pytest.mark.parametrize(
    "settings",
    [
        {"objective": "vargrad"},
        {"objective": "db"},
        {"objective": "subtb", "level": "token"},
        {"objective": "db", "flows": "learnt"},
        {"objective": "subtb", "flows": "forward_looking"},
        {"objective": "tb"},
    ],
    ids=str,
)
def test_the_reference_is_at_the_optimum_of_a_reward_that_is_the_same_for_all(parts, settings):
    """With nothing to prefer the target is the reference: no loss, no gradient, whatever the objective."""
    solutions = [scored(ids, 0.0, cuts=(1, 2, 3) if settings.get("level") == "token" else (2, 3))
                 for ids in ((20, 30, 40), (50, 60, 70))]  # fmt: skip
    found, config, module = laid(parts, solutions, **settings)
    loss = losses_of(found, config).sum()
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-6)
    gradients = [each.grad for each in module.parameters() if each.grad is not None]
    assert max(float(each.abs().max()) for each in gradients) < 1e-3


def test_the_product_of_step_scores_is_not_held_near_the_reference(parts):
    each = scored((20, 30), 0.5, bonuses=(0.0, math.log(0.25)))
    found, _, _ = laid(parts, [each], reward="product", tempering=2.0)
    assert found.paths.log_reward[0].tolist() == pytest.approx([0.0, 2 * math.log(0.25)])


def test_sft_learns_from_right_solutions_alone(parts):
    found, config, _ = laid(parts, [scored((20,), 1.0), scored((30,), 0.0)], objective="sft")
    losses = losses_of(found, config)
    assert losses[0] > 0
    assert losses[1] == 0


def test_reinforce_takes_the_divergence_off_what_is_earned(parts):
    """The policy is its reference here, so the divergence is 0 and earns nothing."""
    solutions = [scored((20,), 1.0), scored((30,), 0.0)]
    plain, anchored = (
        losses_of(*laid(parts, solutions, objective="reinforce", kl=kl)[:2]) for kl in (0.0, 5.0)
    )
    assert plain.tolist() == pytest.approx(anchored.tolist(), abs=1e-4)
    assert plain[0] > 0 > plain[1]
