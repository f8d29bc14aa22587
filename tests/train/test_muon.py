"""Muon beside AdamW as one optimizer, and what it does to adapters."""

import copy

import pytest
import torch
from torch import nn
from torch.optim import AdamW, Muon

from omega_fast.train.adapters import fix_inputs
from omega_fast.train.muon import MuonAndAdamW, muon_for

RATE = 0.02


class Network(nn.Module):
    """Two layers of matrices between an embedding and a norm."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.embedding = nn.Embedding(7, 8)
        self.layers = nn.ModuleList([nn.Linear(8, 8, bias=False), nn.Linear(8, 8)])
        self.norm = nn.LayerNorm(8)

    def forward(self, ids):
        states = self.embedding(ids)
        for layer in self.layers:
            states = states + layer(states).tanh()
        return self.norm(states)


def learn(network, optimizers, steps):
    for step in range(steps):
        network.zero_grad()
        network(torch.tensor([[1, 2, step % 7]])).sin().sum().backward()
        for each in optimizers:
            each.step()


def same(ours, theirs):
    for (name, weight), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(weight, other, msg=name)


def test_matrices_of_layers_move_by_muon_and_the_rest_by_adamw():
    ours, theirs = Network(), Network()
    learn(ours, [muon_for(ours, RATE, 0.1)], 3)
    hidden = [theirs.layers[0].weight, theirs.layers[1].weight]
    rest = [theirs.embedding.weight, theirs.layers[1].bias, theirs.norm.weight, theirs.norm.bias]
    apart = [
        Muon(hidden, lr=RATE, weight_decay=0.1),
        AdamW(rest, lr=0.15 * RATE, betas=(0.9, 0.95), weight_decay=0.1),
    ]
    learn(theirs, apart, 3)
    same(ours, theirs)


def test_a_saved_state_goes_on_as_if_nothing_had_happened():
    whole, first = Network(), Network()
    learn(whole, [muon_for(whole, RATE, 0.0)], 5)
    optimizer = muon_for(first, RATE, 0.0)
    learn(first, [optimizer], 2)
    later = copy.deepcopy(first)
    resumed = muon_for(later, 1.0, 0.0)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for step in range(2, 5):
        later.zero_grad()
        later(torch.tensor([[1, 2, step % 7]])).sin().sum().backward()
        resumed.step()
    same(whole, later)


def test_a_schedule_moves_both_rates():
    network = Network()
    optimizer = muon_for(network, RATE, 0.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step))
    learn(network, [optimizer], 1)
    schedule.step()
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([RATE / 2, 0.15 * RATE / 2])


def test_a_closure_gives_its_loss():
    weight = nn.Parameter(torch.ones(2))

    def loss():
        optimizer.zero_grad()
        found = (weight**2).sum()
        found.backward()
        return found

    optimizer = MuonAndAdamW([], [weight], RATE, 0.0)
    assert optimizer.step(loss).item() == 2
    assert float(weight.detach()[0]) < 1


def test_an_adapter_of_full_rank_moves_its_matrix_as_muon_moves_a_matrix():
    """With orthonormal rows the gradient is the matrix's own, turned; both take the same step."""
    peft = pytest.importorskip("peft")
    torch.manual_seed(5)
    whole = nn.Sequential()
    whole.layers = nn.ModuleList([nn.Linear(32, 24, bias=False)])
    adapted = peft.inject_adapter_in_model(
        peft.LoraConfig(r=32, lora_alpha=32, target_modules=["layers.0"]), copy.deepcopy(whole)
    )
    fix_inputs(adapted)
    before = whole.layers[0].weight.detach().clone()
    states, wanted = torch.randn(64, 32), torch.randn(64, 24)
    for network in (whole, adapted):
        optimizer = muon_for(network, RATE, 0.0)
        ((network.layers[0](states) - wanted) ** 2).mean().backward()
        optimizer.step()
    theirs = whole.layers[0].weight.detach() - before
    ours = adapted.layers[0].get_delta_weight("default").detach()
    assert theirs.norm() > 0.05
    # Muon computes in bfloat16
    assert torch.cosine_similarity(ours.flatten(), theirs.flatten(), 0) > 0.98
    assert ours.norm().item() == pytest.approx(theirs.norm().item(), rel=0.05)
