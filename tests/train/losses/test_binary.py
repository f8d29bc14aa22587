import math

import pytest
import torch

from omega_fast.train.losses import bce, cross_entropy, mse

ON = torch.tensor([[True, True, False]])


def test_a_soft_label_of_three_quarters_trains_as_three_quarters():
    logit = torch.zeros(1, 1, dtype=torch.float64, requires_grad=True)
    target = torch.tensor([[0.75]], dtype=torch.float64)
    bce(logit, target, torch.tensor([[True]])).sum().backward()
    assert logit.grad.item() == pytest.approx(0.5 - 0.75)
    rest = torch.tensor([[math.log(3.0)]], dtype=torch.float64, requires_grad=True)
    bce(rest, target, torch.tensor([[True]])).sum().backward()
    assert rest.grad.item() == pytest.approx(0.0, abs=1e-12)


def test_binary_cross_entropy_is_its_formula_step_by_step():
    logits = torch.tensor([[0.3, -1.2, 9.0]], dtype=torch.float64)
    targets = torch.tensor([[0.25, 1.0, math.nan]], dtype=torch.float64)
    losses = bce(logits, targets, ON)
    for at, (z, y) in enumerate([(0.3, 0.25), (-1.2, 1.0)]):
        s = 1 / (1 + math.exp(-z))
        assert losses[0, at].item() == pytest.approx(-(y * math.log(s) + (1 - y) * math.log(1 - s)))
    assert losses[0, 2] == 0


def test_cross_entropy_of_two_classes_equals_the_binary_one_of_their_difference():
    torch.manual_seed(0)
    outputs = torch.randn(4, 5, 2, dtype=torch.float64)
    targets = torch.rand(4, 5, dtype=torch.float64)
    mask = torch.rand(4, 5) < 0.7
    expected = bce(outputs[..., 1] - outputs[..., 0], targets, mask)
    torch.testing.assert_close(cross_entropy(outputs, targets, mask), expected)


def test_hard_cross_entropy_is_torch_s_own():
    torch.manual_seed(1)
    outputs = torch.randn(3, 4, 2, dtype=torch.float64)
    labels = torch.randint(0, 2, (3, 4))
    expected = torch.nn.functional.cross_entropy(outputs.flatten(0, 1), labels.flatten(), reduction="sum")
    found = cross_entropy(outputs, labels.double(), torch.ones(3, 4, dtype=torch.bool)).sum()
    torch.testing.assert_close(found, expected)


def test_the_squared_error_is_of_the_probability():
    found = mse(torch.tensor([[0.0, 2.0, 5.0]]), torch.tensor([[0.75, 0.0, 1.0]]), ON)
    assert found.tolist()[0] == pytest.approx([0.0625, (1 / (1 + math.exp(-2))) ** 2, 0.0])


@pytest.mark.parametrize("loss", [bce, mse])
def test_a_masked_step_has_no_gradient_even_beside_nan(loss):
    logits = torch.tensor([[1.0, 2.0, 3.0]], requires_grad=True)
    loss(
        logits, torch.tensor([[1.0, math.nan, math.nan]]), torch.tensor([[True, False, False]])
    ).sum().backward()
    assert torch.isfinite(logits.grad).all()
    assert logits.grad[0, 1:].tolist() == [0, 0]


@pytest.mark.parametrize("loss", [bce, mse])
def test_gradients_are_those_of_finite_differences(loss):
    torch.manual_seed(2)
    logits = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    targets, mask = (
        torch.rand(2, 3, dtype=torch.float64),
        torch.tensor([[True, True, False], [True, False, True]]),
    )
    assert torch.autograd.gradcheck(lambda z: loss(z, targets, mask), logits)


def test_extreme_logits_stay_finite():
    logits = torch.tensor([[1e4, -1e4]], requires_grad=True)
    loss = bce(logits, torch.tensor([[0.0, 1.0]]), torch.tensor([[True, True]])).sum()
    loss.backward()
    assert loss.item() == pytest.approx(2e4)
    assert torch.isfinite(logits.grad).all()
