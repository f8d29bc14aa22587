"""Log-probabilities of sampled solutions: those of separate forwards, packed or not, in value and gradient."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from omega_fast.errors import ConfigError, InputError
from omega_fast.train.gflownet.objectives import Paths, subtb
from omega_fast.train.gflownet.path_log_probs import PathLogProbs, Written, path_log_probs
from omega_fast.train.packing.fitness import refuse_unpackable

STOP = 2
SHORT, LONG = (1, 9, 4), (1, 7, 7, 30, 8, 11)
SOLUTIONS = [
    Written(SHORT, (5, 6, 8, 9, 4), (2, 5)),
    Written(LONG, (5, 6, 7), (1, 2, 3)),
    Written(SHORT, (5, 6, 8, 9), (2, 3, 4)),
    Written(SHORT, (), ()),
    Written(SHORT, (5, 6, 11), (3,)),
    Written(LONG, (5, 6, 7), (3,)),
    Written(SHORT, (20,), (1,)),
]


def llama(dtype: torch.dtype = torch.float64, attention: str = "sdpa") -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=32,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        attn_implementation=attention,
    )
    network = LlamaForCausalLM(config).to(dtype)
    with torch.no_grad():
        for each in network.parameters():
            each.mul_(2)
    return network


def separately(
    network: LlamaForCausalLM, solutions: list[Written], stop_ids: list[int], temperature: float
) -> PathLogProbs:
    """The same with a forward for each solution and token by token."""
    forwards, stops = [], []
    most = max(len(each.ends) for each in solutions)
    none = torch.zeros((), dtype=torch.float64)
    for each in solutions:
        ids = torch.tensor([each.prompt + each.ids])
        table = (network(input_ids=ids).logits[0] / temperature).log_softmax(dim=1)
        start, filling = len(each.prompt), [none] * (most - len(each.ends))
        steps = [
            sum(table[start + at - 1, each.ids[at]] for at in range(first, last))
            for first, last in zip((0, *each.ends), each.ends, strict=False)
        ]
        after = [table[start + at - 1, stop_ids].exp().sum().log() for at in (0, *each.ends)]
        forwards.append(torch.stack([*steps, *filling]))
        stops.append(torch.stack([*after, *filling]))
    lengths = torch.tensor([len(each.ends) for each in solutions])
    return PathLogProbs(torch.stack(forwards), torch.stack(stops), lengths)


def gradient(network: LlamaForCausalLM, loss: Tensor) -> Tensor:
    network.zero_grad()
    loss.backward()
    return torch.cat([each.grad.flatten() for each in network.parameters() if each.grad is not None])


def weighed(found: PathLogProbs) -> Tensor:
    """A sum in which every log-probability counts differently."""
    return sum(
        (each * torch.arange(1.0, 1 + each.numel()).view_as(each)).sum()
        for each in (found.log_forward, found.log_stop)
    )


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("temperature", [1.0, 0.6])
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_they_are_those_of_separate_forwards(attention, temperature, packed):
    network, stop_ids = llama(attention=attention), [STOP, 3]
    found = path_log_probs(network, SOLUTIONS, stop_ids, packed=packed, temperature=temperature)
    assert found.lengths.tolist() == [2, 3, 3, 0, 1, 1, 1]
    assert found.log_forward.shape == (7, 3)
    assert found.log_stop.shape == (7, 4)
    wanted = separately(network, SOLUTIONS, stop_ids, temperature)
    torch.testing.assert_close(found.log_forward, wanted.log_forward, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(found.log_stop, wanted.log_stop, rtol=1e-6, atol=1e-6)
    ours = gradient(network, weighed(found))
    assert ours.norm() > 0
    theirs = gradient(network, weighed(wanted))
    # Llama's norms are in single precision whatever its weights are
    assert (ours - theirs).norm() <= 1e-6 * theirs.norm()


def test_in_single_precision_packed_and_rows_agree_to_five_digits():
    network = llama(torch.float32)
    refuse_unpackable(network)
    packed, rows = (path_log_probs(network, SOLUTIONS, [STOP], packed=each) for each in (True, False))
    torch.testing.assert_close(packed.log_forward, rows.log_forward, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(packed.log_stop, rows.log_stop, rtol=1e-5, atol=1e-5)
    ours, theirs = gradient(network, weighed(packed)), gradient(network, weighed(rows))
    assert (ours - theirs).norm() <= 1e-5 * theirs.norm()


def test_half_precision_networks_give_single_precision():
    found = path_log_probs(llama(torch.bfloat16), SOLUTIONS, [STOP])
    assert found.log_forward.dtype == found.log_stop.dtype == torch.float32


def test_a_packed_row_holds_each_shared_beginning_once(monkeypatch):
    network, seen = llama(), []
    forward = network.forward
    monkeypatch.setattr(
        network, "forward", lambda **inputs: seen.append(inputs["input_ids"].shape) or forward(**inputs)
    )
    path_log_probs(network, SOLUTIONS, [STOP])
    # Prompts of 3 and 6 tokens, and under them trees of 7 (5 6 8 9 4, 11, 20) and 3
    assert seen == [(2, 10)]


def test_steps_and_stops_are_all_that_can_happen():
    network = llama()
    before = Written(SHORT, (5, 6), (2,))
    after = [Written(SHORT, (5, 6, token), (2, 3)) for token in range(32) if token != STOP]
    found = path_log_probs(network, [before, *after], [STOP])
    assert float(
        found.log_stop[0, 1].detach().exp() + found.log_forward[1:, 1].detach().exp().sum()
    ) == pytest.approx(1)


def test_tokens_as_steps_sum_to_steps():
    network = llama()
    by_token = [Written(each.prompt, each.ids, tuple(range(1, len(each.ids) + 1))) for each in SOLUTIONS]
    tokens, steps = path_log_probs(network, by_token, [STOP]), path_log_probs(network, SOLUTIONS, [STOP])
    torch.testing.assert_close(tokens.log_forward.sum(dim=1), steps.log_forward.sum(dim=1))
    ends = [(row, tokens.lengths[row], steps.lengths[row]) for row in range(len(SOLUTIONS))]
    for row, last_token, last_step in ends:
        assert tokens.log_stop[row, last_token].item() == pytest.approx(steps.log_stop[row, last_step].item())


@pytest.mark.parametrize("packed", [True, False])
def test_hidden_states_are_those_at_the_ends_of_steps(packed):
    network = llama()
    found = path_log_probs(network, SOLUTIONS, [STOP], packed=packed, hidden=True)
    assert found.hidden.shape == (7, 4, 32)
    for row, each in enumerate(SOLUTIONS):
        ids = torch.tensor([each.prompt + each.ids])
        last = network(input_ids=ids, output_hidden_states=True).hidden_states[-1][0]
        at = [len(each.prompt) - 1 + end for end in (0, *each.ends)]
        torch.testing.assert_close(found.hidden[row, : len(at)], last[at])
    assert path_log_probs(network, SOLUTIONS, [STOP]).hidden is None


def test_adapters_get_the_gradients_of_rows():
    peft = pytest.importorskip("peft")
    network = peft.get_peft_model(
        llama(), peft.LoraConfig(target_modules="all-linear", task_type="CAUSAL_LM", r=2)
    )
    with torch.no_grad():
        for name, each in network.named_parameters():
            if "lora_B" in name:
                each.normal_()
    network.eval()
    packed, rows = (
        gradient(network, weighed(path_log_probs(network, SOLUTIONS, [STOP], packed=each)))
        for each in (True, False)
    )
    assert rows.norm() > 0
    assert (packed - rows).norm() <= 1e-5 * rows.norm()


def test_without_its_adapters_a_network_gives_what_it_gave_before():
    peft = pytest.importorskip("peft")
    before = path_log_probs(llama(), SOLUTIONS, [STOP])
    network = peft.get_peft_model(
        llama(), peft.LoraConfig(target_modules="all-linear", task_type="CAUSAL_LM", r=2)
    )
    with torch.no_grad():
        for name, each in network.named_parameters():
            if "lora_B" in name:
                each.normal_()
    assert not torch.allclose(path_log_probs(network, SOLUTIONS, [STOP]).log_stop, before.log_stop)
    with network.disable_adapter():
        torch.testing.assert_close(path_log_probs(network, SOLUTIONS, [STOP]).log_stop, before.log_stop)


def test_an_objective_takes_them_as_they_are():
    network = llama()
    found = path_log_probs(network, SOLUTIONS, [STOP])
    reward = torch.full_like(found.log_stop, -math.inf)
    paths = Paths(
        found.log_forward, found.log_stop, reward, found.lengths, torch.tensor([0, 1, 0, 0, 0, 1, 0])
    )
    assert gradient(network, subtb(paths, floor=-5.0).mean()).isfinite().all()


def test_what_cannot_be_is_refused():
    network = llama()
    with pytest.raises(InputError, match="no solutions"):
        path_log_probs(network, [], [STOP])
    with pytest.raises(InputError, match="no token that stops"):
        path_log_probs(network, SOLUTIONS, [])
    with pytest.raises(InputError, match="solution 1 has a stop token within"):
        path_log_probs(network, [SOLUTIONS[0], Written(SHORT, (5, STOP), (2,))], [STOP])
    with pytest.raises(ConfigError, match="temperature 0"):
        path_log_probs(network, SOLUTIONS, [STOP], temperature=0.0)
    with pytest.raises(InputError, match="prompt of no tokens"):
        Written((), (5,), (1,))
    for ends in [(), (1,), (1, 1, 2), (2, 1), (0, 2), (3,)]:
        with pytest.raises(InputError, match="do not make up 2 tokens"):
            Written(SHORT, (5, 6), ends)
