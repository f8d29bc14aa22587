import random

import pytest

from omega_fast.eval.calibration import (
    auroc,
    brier,
    calibrate,
    calibration_error,
    minima_on_last,
)
from omega_fast.models.ledger_policy.measure import auroc as plain_auroc


def test_auroc_is_that_of_all_pairs_with_ties_counted_half():
    rng = random.Random(0)
    positive = [round(rng.random(), 1) for _ in range(40)]
    negative = [round(rng.random() * 0.8, 1) for _ in range(30)]
    assert auroc(positive, negative) == pytest.approx(plain_auroc(positive, negative))


def test_auroc_of_one_kind_alone_is_unknown():
    assert auroc([0.5], []) is None
    assert auroc([], [0.5]) is None


def test_brier_is_the_mean_square():
    assert brier([0.8, 0.3], [1, 0.5]) == pytest.approx((0.04 + 0.04) / 2)
    assert brier([], []) is None


def test_the_calibration_error_weighs_bins_by_their_steps():
    # Bin 9: mean score .95, mean target .5, two of three steps; bin 0: .05 against 1, one of three.
    error = calibration_error([0.92, 0.98, 0.05], [1, 0, 1])
    assert error == pytest.approx(2 / 3 * 0.45 + 1 / 3 * 0.95)


def test_a_score_of_one_is_in_the_last_bin():
    assert calibration_error([1.0], [1]) == 0.0


def test_the_share_of_minima_on_the_last_step_splits_ties_and_passes_over_single_steps():
    assert minima_on_last([[0.9, 0.1], [0.1, 0.9], [0.5, 0.5], [0.2]]) == pytest.approx(0.5)
    assert minima_on_last([[0.2]]) is None


def test_mc_counts_as_right_above_zero():
    result = calibrate([(0.9, 0.5), (0.2, 0.0), (0.4, 0.25)])
    assert result.auroc == 1.0
    assert result.brier == pytest.approx((0.16 + 0.04 + 0.0225) / 3)
    assert result.to_dict()["ece_bins"] == 10


def test_no_steps_give_no_figures():
    assert calibrate([]).to_dict() == {"steps": 0, "auroc": None, "brier": None, "ece": None, "ece_bins": 10}
