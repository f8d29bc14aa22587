import math
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omega_fast.eval.diversity import (
    REST,
    coverage,
    distinct_at_k,
    entropy_per_step,
    lumped,
    mean_pairwise_distance,
    tilted_target,
    total_variation,
)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=8), st.data())
def test_distinct_at_k_is_the_mean_over_all_subsets(drawn, data):
    k = data.draw(st.integers(1, len(drawn)))
    right = {1, 2}
    counts = [drawn.count(each) for each in right if each in drawn]
    subsets = [len(right & set(each)) for each in combinations(drawn, k)]
    assert distinct_at_k(counts, len(drawn), k) == pytest.approx(sum(subsets) / len(subsets))


def test_no_right_solution_gives_none_at_any_k():
    assert distinct_at_k([], 16, 16) == 0
    assert coverage([], 16, 16, 20) == 0


def test_coverage_is_whole_once_every_mode_was_drawn():
    assert coverage([1, 5, 2], 8, 8, 3) == 1


def test_re_wording_moves_the_distance_and_not_the_count_of_solutions_a_task_can_tell():
    plain = ["x is 3 so y is 5"] * 4
    worded = ["x is 3 so y is 5", "so x is 3 hence y is 5", "x being 3 y is 5", "y is 5 as x is 3"]
    assert mean_pairwise_distance(plain) == 0
    distance = mean_pairwise_distance(worded)
    assert distance is not None
    assert distance > 0.3


def test_the_distance_counts_every_pair_of_draws_once():
    texts = ["a b c d", "a b c d", "a b x d", "y"]
    told = [0.0, 0.25, 1.0, 0.25, 1.0, 1.0]
    assert mean_pairwise_distance(texts) == pytest.approx(sum(told) / 6)


@pytest.mark.parametrize("texts", [[], ["alone"]])
def test_one_solution_has_no_distance(texts):
    assert mean_pairwise_distance(texts) is None


def test_the_target_is_the_reference_reweighted_by_exp_of_the_reward():
    reference = {"a": 0.2, "b": 0.1}
    beta = 0.5
    z = 0.3 * math.exp(2) + 0.7
    target = tilted_target(reference, beta)
    assert target["a"] == pytest.approx(0.2 * math.exp(2) / z)
    assert target[REST] == pytest.approx(0.7 / z)


def test_a_tiny_beta_leaves_right_solutions_alone_in_the_references_proportions():
    target = tilted_target({"a": 1e-9, "b": 3e-9}, 1e-4)
    assert target["b"] == pytest.approx(0.75)
    assert target[REST] == 0


def test_a_question_without_a_right_solution_keeps_the_reference():
    assert tilted_target({}, 0.1) == {REST: 1.0}


@pytest.mark.parametrize("beta", [0.0, -1.0, math.nan])
def test_a_target_needs_a_temperature_above_0(beta):
    with pytest.raises(ValueError, match="not above 0"):
        tilted_target({"a": 0.1}, beta)


@pytest.mark.parametrize("probabilities", [{"a": -0.1}, {"a": math.nan}, {"a": 0.7, "b": 0.7}])
def test_what_is_no_distribution_is_refused(probabilities):
    with pytest.raises(ValueError, match="probabilit"):
        lumped(probabilities)


def test_total_variation_of_lumped_outcomes_is_at_most_that_of_single_ones():
    p, q = {"a": 0.2, "b": 0.3, "c": 0.5}, {"a": 0.4, "b": 0.1, "c": 0.5}
    whole = total_variation(p, q)
    assert whole == pytest.approx(0.2)
    assert total_variation(lumped({"c": 0.5}), lumped({"c": 0.5})) == 0 <= whole


def test_total_variation_refuses_what_does_not_add_up():
    with pytest.raises(ValueError, match="add up"):
        total_variation({"a": 0.5}, {"a": 1.0})


def test_entropy_per_step_is_over_all_steps_of_all_samples():
    assert entropy_per_step([-2.0, -4.0], [1, 3]) == 1.5
    assert entropy_per_step([], []) is None
