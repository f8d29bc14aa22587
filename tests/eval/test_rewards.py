import math

import pytest

from omega_fast.eval.rewards import NO_SCORE, implicit_rewards, sigmoid


def test_the_rewards_are_those_worked_by_hand():
    # Ratios -1, 2, -3; accumulated -1, 1, -2.
    rewards = implicit_rewards([-3.0, -1.0, -5.0], [-2.0, -3.0, -2.0], 0.5)
    assert rewards["with reference/single/min"] == -1.5
    assert rewards["with reference/single/sum"] == -1.0
    assert rewards["with reference/accumulative/min"] == -1.0
    assert rewards["with reference/accumulative/sum"] == -1.0
    assert rewards["without reference/single/min"] == -2.5
    assert rewards["without reference/accumulative/min"] == -4.5
    assert rewards["without reference/accumulative/sum"] == 0.5 * (-3 - 4 - 9)


def test_without_a_reference_there_are_its_settings_alone():
    assert len(implicit_rewards([-1.0], None, 0.001)) == 4


@pytest.mark.parametrize("reward", [-800.0, -1.0, 0.0, 0.3, 800.0])
def test_the_sigmoid_is_safe_and_right(reward):
    assert sigmoid(reward) == pytest.approx(0.5 * (1 + math.tanh(reward / 2)), abs=1e-12)


def test_a_sample_without_a_score_keeps_none():
    assert sigmoid(NO_SCORE) == NO_SCORE
