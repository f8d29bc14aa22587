import math

import pytest
import torch

from omega_fast.train.losses import progress, progress_targets, relative_progress_targets


def test_progress_is_what_a_step_adds():
    assert progress_targets([0.75, 0.5, 1.0], 0.5) == [0.25, -0.25, 0.5]


def test_a_step_beside_an_unknown_value_has_no_progress():
    assert progress_targets([0.75, None, 0.25, 0.5], None) == [None, None, None, 0.25]


@pytest.mark.parametrize(
    ("before", "after", "target"),
    [(0.5, 0.4, 1.0), (0.5, 0.39, 0.0), (0.0, 0.0, 0.0), (0.0, 1.0, 0.0), (1.0, 0.8, 1.0), (0.1, 1.0, 1.0)],
)
def test_relative_progress_asks_for_four_fifths_of_what_was_there(before, after, target):
    assert relative_progress_targets([after], before) == [target]


def test_the_prediction_of_progress_lies_between_minus_one_and_one():
    logits = torch.tensor([[0.0, 50.0, -50.0, 1.0]], dtype=torch.float64)
    targets = torch.tensor([[0.25, 1.0, -1.0, math.nan]], dtype=torch.float64)
    found = progress(logits, targets, torch.tensor([[True, True, True, False]]))
    assert found.tolist()[0] == pytest.approx([0.0625, 0.0, 0.0, 0.0])


def test_gradients_of_progress_are_those_of_finite_differences():
    torch.manual_seed(0)
    logits = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    targets = torch.rand(2, 3, dtype=torch.float64) * 2 - 1
    mask = torch.tensor([[True, False, True], [True, True, True]])
    assert torch.autograd.gradcheck(lambda z: progress(z, targets, mask), logits)
