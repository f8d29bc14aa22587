import math

import pytest
import torch

from omega_fast.train.losses import pairwise, pqm


def plain_pqm(scores: list[float], right: list[bool | None], margin: float) -> float:
    """Equation 10 of arXiv 2410.11287 with two loops; `None` is a step without a label."""
    chain = [0.0, *(score for score, is_right in zip(scores, right, strict=True) if is_right)]
    wrong = [score for score, is_right in zip(scores, right, strict=True) if is_right is False]
    if all(each is None for each in right):
        return 0.0
    total = 0.0
    for t in range(len(chain)):
        below = sum(math.exp(chain[q]) for q in range(t + 1))
        below += sum(math.exp(score + margin) for score in wrong)
        total -= math.log(math.exp(chain[t]) / below)
    return total / len(chain)


CASES = [
    ([0.5, 1.5, -2.0, -3.0], [True, True, False, False]),
    ([0.5, 1.5], [True, True]),
    ([0.7, -0.2], [False, False]),
    ([0.1, 3.0, -1.0, 2.0], [False, True, False, True]),
    ([0.3, 0.4, 0.5], [True, None, False]),
    ([0.3], [None]),
]


@pytest.mark.parametrize("margin", [0.0, 4.0])
@pytest.mark.parametrize(("scores", "right"), CASES)
def test_the_ranking_loss_equals_a_plain_loop(scores, right, margin):
    found = pqm(
        torch.tensor([scores], dtype=torch.float64),
        torch.tensor([[each is True for each in right]]),
        torch.tensor([[each is not None for each in right]]),
        margin,
    )
    assert found.item() == pytest.approx(plain_pqm(scores, right, margin), abs=1e-12)


def test_padding_changes_no_ranking_loss():
    scores, right = CASES[0]
    padded = torch.tensor([[*scores, 99.0, -99.0]], dtype=torch.float64)
    flags = torch.tensor([[*right, True, False]])
    mask = torch.tensor([[True] * 4 + [False] * 2])
    assert pqm(padded, flags, mask).item() == pytest.approx(plain_pqm(scores, right, 4.0))


def test_gradients_of_the_ranking_loss_are_those_of_finite_differences():
    torch.manual_seed(0)
    logits = torch.randn(4, 5, dtype=torch.float64, requires_grad=True)
    right, mask = torch.rand(4, 5) < 0.5, torch.rand(4, 5) < 0.8
    mask[0] = False
    assert torch.autograd.gradcheck(lambda z: pqm(z, right, mask), logits)


def test_the_ranking_loss_stays_finite_at_large_scores():
    logits = torch.tensor([[300.0, -300.0, 300.0]], requires_grad=True)
    loss = pqm(logits, torch.tensor([[True, True, False]]), torch.ones(1, 3, dtype=torch.bool)).sum()
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()


def test_pairs_are_weighted_by_the_distance_of_their_values_and_ordered_by_it():
    pairs = [(1.0, -0.5, 0.75, 0.25), (1.0, -0.5, 0.0, 1.0), (2.0, 3.0, 0.5, 0.5)]
    expected = [
        -0.5 * math.log(1 / (1 + math.exp(-1.5))),
        -1.0 * math.log(1 / (1 + math.exp(1.5))),
        0.0,
    ]
    columns = [torch.tensor(each, dtype=torch.float64) for each in zip(*pairs, strict=True)]
    assert pairwise(*columns).tolist() == pytest.approx(expected)


def test_a_pair_counts_alike_in_either_order():
    torch.manual_seed(1)
    a, b, va, vb = (torch.randn(6, dtype=torch.float64) for _ in range(4))
    torch.testing.assert_close(pairwise(a, b, va, vb), pairwise(b, a, vb, va))


def test_gradients_of_pairs_are_those_of_finite_differences():
    torch.manual_seed(2)
    a, b = (torch.randn(5, dtype=torch.float64, requires_grad=True) for _ in range(2))
    va, vb = torch.rand(5, dtype=torch.float64), torch.rand(5, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x, y: pairwise(x, y, va, vb), (a, b))
