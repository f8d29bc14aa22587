"""The figures of the tiny policy."""

import math
import re

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from omega_fast.models.ledger_policy.measure import auroc, measure  # noqa: E402
from omega_fast.models.ledger_policy.policy import LedgerPolicy  # noqa: E402
from omega_fast.tasks.ledger import LedgerConfig  # noqa: E402


def test_auroc_counts_ties_half():
    assert auroc([1.0, 0.5], [0.5, 0.0]) == 3.5 / 4
    assert math.isnan(auroc([], [0.5]))


def test_the_figures_are_consistent_with_each_other():
    torch.set_num_threads(1)
    figures = dict(measure(LedgerPolicy(), LedgerConfig(operations=(2, 2)), n=20, per_length=2))
    assert all(re.fullmatch(r"\w+", name) for name in figures)
    lucky = figures["right_answers_at_T1"] - figures["wholly_right_at_T1"]
    assert figures["lucky_right_answers_at_T1"] == pytest.approx(lucky)
    assert set(figures) >= {"auroc_of_mc8", "majority64_with_2_operations", "right_answers_at_T0"}
