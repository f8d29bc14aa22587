from __future__ import annotations

import pytest

from omega_fast.errors import ConfigError
from omega_fast.jobs import eval_calibration
from tests.eval.stubs import Hashed, located, read, write


class Placed:
    """.9, .6, .3 for the first three steps."""

    def score_many(self, solutions):
        return [[(0.9, 0.6, 0.3)[at] for at in range(len(steps))] for _, steps in solutions]


def test_hard_labels_and_mc_are_two_targets_worked_by_hand(tmp_path):
    flat = {
        "question": "q",
        "final_answer": "7",
        "question_id": "1",
        "reasoning_steps": [
            {"solution_prefix": "q\n\na\n", "mc_value": 0.5},
            {"solution_prefix": "q\n\na\nb\n", "mc_value": 0.25},
            {"solution_prefix": "q\n\na\nb\nc\n", "mc_value": 0.0},
        ],
    }
    path = write(tmp_path / "flat.jsonl", [flat])
    done = eval_calibration([path], scorer=Placed(), output=tmp_path / "out", from_="flat")
    mc = done.results["mc"]
    assert (mc["steps"], mc["auroc"]) == (3, 1.0)
    assert mc["brier"] == pytest.approx((0.4**2 + 0.35**2 + 0.3**2) / 3)
    assert done.results["minima_on_last"] == 1.0
    assert done.results["outcome_like"]


def test_the_first_error_of_processbench_is_a_hard_label_and_what_follows_is_none(tmp_path):
    path = write(tmp_path / "rows.jsonl", [located(0, 1, steps=3), located(1, -1, steps=2)])
    done = eval_calibration([path], scorer=Placed(), output=tmp_path / "out")
    hard = done.results["hard_labels"]
    # Right: .9, .9, .6; wrong: .6. Two wins and a tie of three.
    assert (hard["steps"], hard["auroc"]) == (4, pytest.approx(2.5 / 3))
    assert hard["brier"] == pytest.approx((0.01 + 0.36 + 0.01 + 0.16) / 4)
    assert done.results["mc"]["steps"] == 0


def test_rows_that_cannot_be_used_are_named(tmp_path):
    bad = [{**located(1, -1), "steps": [" "]}, {**located(2, -1), "steps": ["TOO LONG"]}]
    path = write(tmp_path / "rows.jsonl", [located(0, 1), *bad])
    done = eval_calibration([path], scorer=Hashed(), output=tmp_path / "out")
    assert (done.rows, done.quarantined) == (1, 2)
    assert [row["line"] for row in read(done.quarantine)] == [2, 3]


def test_there_is_a_scorer(tmp_path):
    with pytest.raises(ConfigError, match="there is no scorer"):
        eval_calibration([tmp_path / "x"], scorer=None, output=tmp_path / "out")
