import math

import pytest

from omega_fast.errors import ConfigError, InputError
from omega_fast.models.aggregate import AGGREGATIONS, aggregate, default_aggregation

SCORES = [0.9, 0.2, 0.5]


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("last", 0.5),
        ("min", 0.2),
        ("prod", 0.09),
        ("mean", 1.6 / 3),
        ("sum_logits", math.log(9) + math.log(0.25)),
    ],
)
def test_each_rule_is_its_formula(how, expected):
    assert aggregate(SCORES, how) == pytest.approx(expected)


def test_sure_scores_have_a_finite_logit():
    assert math.isfinite(aggregate([0.0, 1.0], "sum_logits"))


@pytest.mark.parametrize("how", AGGREGATIONS)
def test_a_single_step_decides_alone(how):
    expected = 0.7 if how != "sum_logits" else math.log(0.7 / 0.3)
    assert aggregate([0.7], how) == pytest.approx(expected)


@pytest.mark.parametrize("how", AGGREGATIONS)
def test_no_steps_have_no_score(how):
    with pytest.raises(InputError, match="without steps"):
        aggregate([], how)


def test_an_unknown_rule_names_those_there_are():
    with pytest.raises(ConfigError, match="median") as caught:
        aggregate(SCORES, "median")
    assert "prod" in caught.value.hint


def test_hard_labels_multiply_and_soft_ones_take_the_last():
    assert [default_aggregation(labels) for labels in ("hard", "soft", "soft-or-hard")] == [
        "prod",
        "last",
        "last",
    ]
