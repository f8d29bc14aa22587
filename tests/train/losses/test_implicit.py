"""The objectives of implicit process rewards against a plain loop in double precision."""

import math

import pytest
import torch

from omega_fast.models.solution_log_probs import solution_log_probs
from omega_fast.train.losses.implicit import implicit_ce, implicit_dpo

STARTS, LENGTHS, BETA = [2, 1, 3, 2], [6, 5, 7, 4], 0.05


def given():
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(4, 7, 11, generator=generator, dtype=torch.float64) * 3
    ids = torch.randint(0, 11, (4, 7), generator=generator)
    mask = torch.tensor([[int(at < length) for at in range(7)] for length in LENGTHS])
    references = torch.tensor([-9.0, -21.5, -12.25, -3.0], dtype=torch.float64)
    return logits.requires_grad_(), ids, mask, references


def plain_ratios(logits, ids, references):
    """log pi - log pi_ref, token by token, from the definition of the softmax."""
    ratios = []
    for row in range(4):
        total = -references[row]
        for at in range(STARTS[row], LENGTHS[row]):
            before = logits[row, at - 1]
            total = total + before[ids[row, at]] - torch.log(torch.exp(before).sum())
        ratios.append(total)
    return ratios


def ours(logits, ids, mask, references):
    return solution_log_probs(logits, ids, mask, torch.tensor(STARTS)).sum(dim=1) - references


def both(loss_of_ours, loss_of_plain):
    found = []
    for loss in (loss_of_ours, loss_of_plain):
        logits, ids, mask, references = given()
        value = loss(logits, ids, mask, references)
        value.backward()
        found.append((value.item(), logits.grad))
    return found


def test_cross_entropy_is_the_published_formula_in_loss_and_gradient():
    labels = [1, 0, 0, 1]

    def plain(logits, ids, _, references):
        total = 0.0
        for ratio, label in zip(plain_ratios(logits, ids, references), labels, strict=True):
            right = 1 / (1 + torch.exp(-BETA * ratio))
            total = total - (label * torch.log(right) + (1 - label) * torch.log(1 - right))
        return total / 4

    (loss, gradient), (expected, expected_gradient) = both(
        lambda *each: implicit_ce(ours(*each), torch.tensor(labels), BETA).mean(), plain
    )
    assert loss == pytest.approx(expected, rel=1e-12)
    torch.testing.assert_close(gradient, expected_gradient, rtol=1e-10, atol=1e-14)


def test_preference_is_the_published_formula_in_loss_and_gradient():
    def plain(logits, ids, _, references):
        first, second, third, fourth = plain_ratios(logits, ids, references)
        margins = (BETA * (first - second), BETA * (third - fourth))
        return sum(torch.log(1 + torch.exp(-margin)) for margin in margins) / 2

    (loss, gradient), (expected, expected_gradient) = both(
        lambda *each: implicit_dpo(ours(*each), BETA).mean(), plain
    )
    assert loss == pytest.approx(expected, rel=1e-12)
    torch.testing.assert_close(gradient, expected_gradient, rtol=1e-10, atol=1e-14)


def test_a_model_that_is_its_reference_loses_log_two():
    zeros = torch.zeros(4)
    assert implicit_ce(zeros, torch.tensor([1, 0, 1, 0]), BETA).tolist() == pytest.approx([math.log(2)] * 4)
    assert implicit_dpo(zeros, BETA).tolist() == pytest.approx([math.log(2)] * 2)
