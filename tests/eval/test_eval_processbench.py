import random
from itertools import pairwise

import pytest

from omega_fast.eval.processbench import (
    DEFAULT_THRESHOLD,
    Found,
    best_threshold,
    f1_with_interval,
    found,
    majority_verdict,
    mean_f1,
    predict,
)


def test_the_first_step_below_the_threshold_is_the_prediction():
    assert predict([0.9, 0.4, 0.1, 0.8], 0.5) == 1
    assert predict([0.9, 0.5], 0.5) == -1
    assert predict([0.1], 0.5) == 0


def test_f1_is_that_of_an_example_worked_by_hand():
    # Four solutions with an error: 0 and 2 found, one too early, one missed: 2/4.
    # Five right ones: three left alone: 3/5. F1 = 2 * .5 * .6 / (.5 + .6) = .6 / 1.1.
    labels = [0, 2, 3, 1, -1, -1, -1, -1, -1]
    predictions = [0, 2, 1, -1, -1, -1, -1, 0, 4]
    result = found(labels, predictions)
    assert (result.acc_err, result.acc_ok) == (0.5, 0.6)
    assert result.f1 == pytest.approx(6 / 11)
    assert result.to_dict() == {"f1": result.f1, "acc_err": 0.5, "acc_ok": 0.6, "errors": 4, "right": 5}


def test_f1_is_zero_where_nothing_is_found():
    assert found([1, -1], [0, 0]).f1 == 0.0
    assert found([], []).f1 == 0.0


def test_a_missing_prediction_is_wrong_for_both_kinds():
    assert found([1, -1], [None, None]) == Found(0, 1, 0, 1)


def test_subsets_count_alike_whatever_their_size():
    large, small = Found(90, 100, 90, 100), Found(0, 1, 1, 1)
    assert mean_f1({"large": large, "small": small}) == pytest.approx(0.45)


def _searched(labels, scores):
    """The best F1 over every threshold that can make a difference, one by one."""
    values = sorted({score for row in scores for score in row})
    tried = [*values, *((a + b) / 2 for a, b in pairwise(values))]
    return max(found(labels, [predict(row, t) for row in scores]).f1 for t in tried)


@pytest.mark.parametrize("seed", range(40))
def test_the_best_threshold_is_the_best_of_all_there_are(seed):
    rng = random.Random(seed)
    digits = rng.choice([1, 2, 6])
    scores = [[round(rng.random(), digits) for _ in range(rng.randint(1, 6))] for _ in range(30)]
    labels = [rng.randint(-1, len(row) - 1) for row in scores]
    best = best_threshold(labels, scores)
    reached = found(labels, [predict(row, best.value) for row in scores]).f1
    assert best.f1 == pytest.approx(reached)
    assert best.f1 == pytest.approx(_searched(labels, scores))


def test_neighbouring_floats_leave_room_for_a_threshold():
    low = 0.5
    high = 0.5000000000000001
    best = best_threshold([0, -1], [[low], [high]])
    assert (best.value, best.f1) == (high, 1.0)


def test_a_constant_scorer_has_f1_zero_and_the_default_threshold():
    best = best_threshold([0, 1, -1, -1], [[0.7, 0.7]] * 4)
    assert (best.value, best.f1) == (DEFAULT_THRESHOLD, 0.0)


def test_a_majority_of_verdicts_passes_over_the_unreadable_and_takes_the_first_of_equals():
    assert majority_verdict([None, 3, 1, 1, 3, None]) == 3
    assert majority_verdict([-1]) == -1
    assert majority_verdict([]) is None


def test_the_interval_of_f1_holds_it_and_narrows_with_rows():
    labels = [0, -1, 2, -1] * 10
    predictions = [0, -1, 1, 0] * 10
    few, many = f1_with_interval(labels, predictions), f1_with_interval(labels * 8, predictions * 8)
    assert few.value == many.value == 0.5
    assert few.low < many.low < 0.5 < many.high < few.high
