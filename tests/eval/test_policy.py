from statistics import fmean

import pytest

from omega_fast.eval.policy import (
    Drawn,
    bounds_of,
    compared,
    drawn_figures,
    policy_figures,
    sizes_up_to,
    table,
)


def test_the_sizes_end_with_the_number_of_samples():
    assert sizes_up_to(1) == [1]
    assert sizes_up_to(16) == [1, 2, 4, 8, 16]
    assert sizes_up_to(12) == [1, 2, 4, 8, 12]


def test_a_lucky_answer_is_right_but_not_wholly_right():
    drawn = Drawn(("a", "b", "c", "d"), (True, True, False, False), (True, False, False, False), modes=2)
    found = drawn_figures(drawn)
    assert (found["pass@1"], found["wholly@1"]) == (0.5, 0.25)
    assert (found["distinct@4"], found["wholly_distinct@4"], found["coverage@4"]) == (2, 1, 0.5)


def test_white_space_at_the_ends_makes_no_other_solution():
    found = drawn_figures(Drawn(("a b\n", "a b", " a b"), (True, True, True)))
    assert found["distinct@3"] == 1
    assert found["distance"] == 0


def test_a_task_that_knows_no_steps_has_no_coverage():
    found = drawn_figures(Drawn(("a", "b"), (True, False)))
    assert "wholly@1" not in found
    assert "coverage@2" not in found
    assert found["distance"] is None


def test_a_figure_has_an_interval_over_runs_and_one_over_questions():
    runs = [[{"f": 0.0}, {"f": 1.0}], [{"f": 0.2}, {"f": 0.8}], [{"f": 0.4}, {"f": 1.0}]]
    found = policy_figures(runs)["f"]
    assert found["value"] == pytest.approx((0.5 + 0.5 + 0.7) / 3)
    assert found["by_run"] == pytest.approx([0.5, 0.5, 0.7])
    half = 4.303 * (0.2 / 3**0.5) / 3**0.5
    assert found["over_seeds"]["high"] - found["value"] == pytest.approx(half, rel=1e-3)
    means = (0.2, 2.8 / 3)
    half = 12.706 * (means[1] - means[0]) / 2**0.5 / 2**0.5
    assert found["over_questions"]["high"] - fmean(means) == pytest.approx(half, rel=1e-3)
    assert found["questions"] == 2


def test_one_run_alone_has_no_interval_over_seeds():
    assert policy_figures([[{"f": 0.5}, {"f": 0.7}]])["f"]["over_seeds"] is None


def test_a_figure_that_no_question_has_is_not_told():
    assert "f" not in policy_figures([[{"f": None}, {"f": None}]])


def test_a_difference_is_taken_on_the_questions_that_both_have():
    ours = [[{"f": 1.0}, {"f": None}, {"f": 0.5}]]
    theirs = [[{"f": 0.5}, {"f": 0.0}, {"f": 0.5}]]
    found = compared(ours, theirs)["f"]
    assert (found["value"], found["questions"]) == (0.25, 2)
    assert found["over_seeds"] is None


def test_questions_that_all_differ_by_the_same_say_nothing_about_others():
    ours = [[{"f": 0.9}, {"f": 0.4}], [{"f": 0.7}, {"f": 0.2}]]
    theirs = [[{"f": 0.8}, {"f": 0.3}], [{"f": 0.6}, {"f": 0.1}]]
    found = compared(ours, theirs)["f"]
    assert found["value"] == pytest.approx(0.1)
    assert found["over_questions"] is None
    assert (found["over_seeds"]["low"], found["over_seeds"]["high"]) == pytest.approx((0.1, 0.1))
    assert bounds_of(found) is None


def test_few_questions_that_are_all_right_leave_room():
    rows = [{"pass@2": 1.0, "distinct@2": 2.0, "right_mass": 0.0}] * 3
    found = policy_figures([rows, rows])
    for name, most in (("pass@2", 1.0), ("distinct@2", 2.0)):
        bounds = bounds_of(found[name])
        assert bounds["low"] == pytest.approx(0.4385 * most, abs=1e-3)
        assert bounds["high"] == most
    assert bounds_of(found["right_mass"])["high"] > 0.5


def test_policies_on_other_questions_are_not_compared():
    with pytest.raises(ValueError, match="argument 2 is"):
        compared([[{"f": 1.0}]], [[{"f": 1.0}, {"f": 0.0}]])


def test_the_table_has_a_line_a_figure_and_names_that_cannot_break_it():
    found = {
        "base|x": policy_figures([[{"pass@1": 0.5}], [{"pass@1": 0.7}]]),
        "tuned": policy_figures([[{"pass@1": 0.9}]]),
    }
    lines = table(found, ["pass@1", "coverage@16"]).splitlines()
    assert lines[0] == "| figure | base/x | tuned |"
    assert lines[2].startswith("| pass@1 | 0.600 (")
    assert len(lines) == 3


def test_an_interval_over_seeds_ends_where_the_figure_must():
    runs = [[{"pass@4": 0.75, "distinct@4": 1.0}], [{"pass@4": 1.0, "distinct@4": 3.0}]]
    found = policy_figures(runs)
    assert (found["pass@4"]["over_seeds"]["low"], found["pass@4"]["over_seeds"]["high"]) == (0, 1)
    assert found["distinct@4"]["over_seeds"]["low"] == 0
    assert found["distinct@4"]["over_seeds"]["high"] == 4
