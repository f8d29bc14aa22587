"""Exact values of policies that are written down by hand."""

import random

import pytest

from omega_fast.tasks.ledger import parse, policy_value, render, right_next_steps
from omega_fast.tasks.ledger.working import Working

PROBLEM = "x is 2 . a x add 3 . b x times 7 . ?"
RIGHT = ("a x 2 + 3 = 5\n", "b x 5 * 7 = 5\n", "answer 5\n")


def tabular(error, missing=0.0):
    """Writes the result one too large with probability `error` a line, and answers with what it has."""

    def next_lines(problem_text, lines):
        page = Working(parse(problem_text))
        for position, line in enumerate(lines):
            page.write(position, result=int(line.split()[-1]))
        if not page.todo:
            return {page.write_answer(): 1.0}
        position = min(page.todo)
        wrong = (page.result(position) + 1) % 10
        right_line, wrong_line = page.copy().write(position), page.copy().write(position, result=wrong)
        return {right_line: 1 - error - missing, wrong_line: error}

    return next_lines


def test_the_value_is_the_product_of_success_rates():
    # Right only without any error: after 5 + 1 the last result is 2 or 3, and after 5 it is 5 or 6.
    bounds = policy_value(PROBLEM, (), tabular(0.1), tolerance=0.0)
    assert bounds.lower == pytest.approx(0.81)
    assert bounds.upper == pytest.approx(0.81)


def test_the_value_after_a_step_conditions_on_that_step():
    assert policy_value(PROBLEM, RIGHT[:1], tabular(0.1), tolerance=0.0).middle == pytest.approx(0.9)
    assert policy_value(PROBLEM, ("a x 2 + 3 = 6\n",), tabular(0.1), tolerance=0.0).upper == pytest.approx(
        0.0
    )


def test_errors_that_cancel_count_as_right():
    problem = "x is 2 . a x add 3 . b x take 1 . ?"
    wrong = ("a x 2 + 3 = 6\n",)

    def always_one_too_few(problem_text, lines):
        return {"b x 6 - 1 = 4\n": 1.0} if len(lines) == 1 else {"answer 4\n": 1.0}

    assert policy_value(problem, wrong, always_one_too_few).lower == 1.0


def test_an_answered_solution_has_value_one_or_zero():
    assert policy_value(PROBLEM, RIGHT, tabular(0.1)).middle == 1.0
    assert policy_value(PROBLEM, (*RIGHT[:2], "answer 4"), tabular(0.1)).middle == 0.0


def test_probability_left_out_widens_the_interval_and_keeps_the_value_inside():
    bounds = policy_value(PROBLEM, (), tabular(0.1, missing=0.02), tolerance=0.0)
    assert bounds.lower == pytest.approx(0.88**2)
    assert bounds.lower < 0.81 < bounds.upper
    assert bounds.upper - bounds.lower == pytest.approx(1 - 0.98**2)


def test_an_end_of_text_before_the_answer_is_wrong():
    bounds = policy_value(PROBLEM, (), lambda *_: {"": 0.25, RIGHT[0]: 0.75}, max_expansions=1)
    assert (bounds.lower, bounds.upper) == (0.0, 0.75)


def test_a_policy_that_never_answers_stops_at_the_limit():
    bounds = policy_value(PROBLEM, (), lambda *_: {RIGHT[0]: 1.0}, max_expansions=50)
    assert (bounds.lower, bounds.upper) == (0.0, 1.0)


def test_work_stops_once_what_is_open_is_within_tolerance():
    calls = []

    def counted(problem_text, lines):
        calls.append(lines)
        return tabular(0.01)(problem_text, lines)

    bounds = policy_value(PROBLEM, (), counted, tolerance=0.05)
    assert len(calls) < 7
    assert bounds.upper - bounds.lower <= 0.05
    assert bounds.lower <= 0.99**2 <= bounds.upper


def test_the_interval_holds_the_share_of_right_answers_among_samples():
    rng = random.Random(0)
    policy = tabular(0.2)
    rights = 0
    for _ in range(2000):
        lines = ()
        while not lines or not lines[-1].startswith("answer"):
            following = policy(PROBLEM, lines)
            lines = (*lines, *rng.choices(list(following), list(following.values())))
        rights += lines[-1] == "answer 5\n"
    assert rights / 2000 == pytest.approx(policy_value(PROBLEM, (), policy, tolerance=0.0).middle, abs=0.04)


def test_a_policy_that_takes_every_right_order_has_value_one():
    problem = parse("x is 9 . y is 1 . a y add 8 . b x times 3 . c x take y . ?")

    def every_order(problem_text, lines):
        following = right_next_steps(problem_text, lines)
        return dict.fromkeys(following, 1 / len(following))

    bounds = policy_value(render(problem), (), every_order, tolerance=0.0)
    assert bounds.lower == bounds.upper == pytest.approx(1.0)
