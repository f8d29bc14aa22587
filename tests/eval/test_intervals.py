import math
import random
from statistics import fmean

import pytest

from omega_fast.eval.intervals import harmonic_mean_of, mean_of, over_seeds, wilson


def test_the_interval_of_a_share_is_wilsons():
    estimate = mean_of([1.0] * 90 + [0.0] * 10)
    assert (estimate.value, estimate.n) == (0.9, 100)
    assert (round(estimate.low, 4), round(estimate.high, 4)) == (0.8256, 0.9448)


@pytest.mark.parametrize("n", [1, 2, 3, 10])
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_few_questions_that_are_all_alike_leave_room(value, n):
    estimate = mean_of([value] * n)
    assert estimate.low <= estimate.value <= estimate.high
    assert 0.0 <= estimate.low < estimate.high <= 1.0
    assert estimate.high - estimate.low > 0.5 / n


def test_values_between_yes_and_no_are_told_more_exactly_than_yes_and_no():
    close, far = mean_of([0.4, 0.6] * 50), mean_of([0.0, 1.0] * 50)
    assert close.value == far.value == 0.5
    assert close.high - close.low < 0.3 * (far.high - far.low)


def test_an_interval_scales_with_what_is_possible_at_most():
    share, count = mean_of([0.25, 0.5, 1.0]), mean_of([1.0, 2.0, 4.0], most=4.0)
    assert (count.low, count.high) == pytest.approx((4 * share.low, 4 * share.high))


def test_wilsons_interval_holds_the_truth_about_as_often_as_it_says():
    rng = random.Random(0)
    for truth in (0.5, 0.9, 0.97):
        held = 0
        for _ in range(2000):
            found = mean_of([float(rng.random() < truth) for _ in range(20)])
            held += found.low <= truth <= found.high
        assert held / 2000 > 0.9


def test_of_nothing_all_is_possible():
    assert wilson(0.0, 0.0, 0) == (0.0, 1.0)


def test_the_harmonic_mean_of_two_shares_has_room_at_both_ends():
    best, worst = harmonic_mean_of((4, 4), (4, 4)), harmonic_mean_of((0, 4), (0, 4))
    assert (best.value, best.high, worst.value, worst.low) == (1.0, 1.0, 0.0, 0.0)
    assert best.low < 0.8
    assert worst.high > 0.1
    assert harmonic_mean_of((0, 0), (4, 4)).value == 0.0
    assert best == harmonic_mean_of((4, 4), (4, 4))


def test_the_interval_of_the_harmonic_mean_is_that_of_resampled_rows_where_there_are_many():
    rng = random.Random(0)
    estimate = harmonic_mean_of((120, 200), (140, 200))

    def resampled(hits: int, of: int) -> float:
        return fmean(rng.random() < hits / of for _ in range(of))

    found = sorted(
        2 * a * b / (a + b) for a, b in ((resampled(120, 200), resampled(140, 200)) for _ in range(2000))
    )
    assert estimate.low == pytest.approx(found[50], abs=0.01)
    assert estimate.high == pytest.approx(found[1950], abs=0.01)


def test_one_seed_has_no_interval():
    alone = over_seeds([0.5])
    assert (alone.low, alone.high) == (-math.inf, math.inf)


def test_the_interval_over_thirty_two_seeds_is_narrower_than_over_three():
    few, many = over_seeds([0.4, 0.5, 0.6]), over_seeds([0.4, 0.6] * 16)
    assert many.high - many.low < few.high - few.low


@pytest.mark.parametrize("of", [mean_of, over_seeds, lambda _: harmonic_mean_of((0, 0), (0, 0))])
def test_nothing_has_no_mean(of):
    with pytest.raises(ValueError, match="of nothing"):
        of([])
