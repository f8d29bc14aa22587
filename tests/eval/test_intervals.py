import math
import random

import pytest

from omega_fast.eval.intervals import bootstrapped, mean_of, over_seeds


def test_the_normal_interval_of_a_share_is_the_textbook_one():
    estimate = mean_of([1.0] * 30 + [0.0] * 70)
    half = 1.959963984540054 * math.sqrt(0.3 * 0.7 / 99)
    assert (estimate.value, estimate.n) == (0.3, 100)
    assert estimate.low == pytest.approx(0.3 - half)
    assert estimate.high == pytest.approx(0.3 + half)


def test_one_question_says_nothing_about_others():
    estimate = mean_of([1.0])
    assert (estimate.value, estimate.low, estimate.high) == (1.0, 0.0, 1.0)


def test_the_bootstrap_of_a_mean_is_near_the_normal_interval_and_reproducible():
    rng = random.Random(0)
    values = [float(rng.random() < 0.4) for _ in range(300)]
    estimate = bootstrapped(values, lambda rows: sum(rows) / len(rows))
    normal = mean_of(values)
    assert estimate.low == pytest.approx(normal.low, abs=0.012)
    assert estimate.high == pytest.approx(normal.high, abs=0.012)
    assert estimate == bootstrapped(values, lambda rows: sum(rows) / len(rows))


def test_one_seed_has_no_interval():
    alone = over_seeds([0.5])
    assert (alone.low, alone.high) == (-math.inf, math.inf)


def test_the_interval_over_thirty_two_seeds_is_narrower_than_over_three():
    few, many = over_seeds([0.4, 0.5, 0.6]), over_seeds([0.4, 0.6] * 16)
    assert many.high - many.low < few.high - few.low


@pytest.mark.parametrize("of", [mean_of, over_seeds, lambda rows: bootstrapped(rows, sum)])
def test_nothing_has_no_mean(of):
    with pytest.raises(ValueError, match="of nothing"):
        of([])
