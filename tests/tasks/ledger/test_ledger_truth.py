"""Ground truth against an independent, brute-force reading of the same problems."""

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omega_fast.errors import InputError
from omega_fast.records import Question
from omega_fast.tasks.ledger import (
    count_right_solutions,
    first_error,
    gold_answer,
    prefix_is_right,
    render,
    right_next_steps,
    right_solutions,
    truth,
)
from omega_fast.tasks.ledger.program import needed_registers, needed_statements

EXAMPLE = "x is 9 . y is 1 . a y add 8 . b x times 3 . c x take y . ?"
RIGHT = ("a y 1 + 8 = 9\n", "b x 9 * 3 = 7\n", "c x 7 - 9 = 8\n", "answer 8 9\n")
ASIDE = "x is 9 . u is 1 . a u add 8 . b x times 3 . ?"


def written_in_order(problem, order):
    """The lines of carrying out statements in any order, worked with Python's own arithmetic."""
    values = dict(problem.initial)
    lines = []
    for s in order:
        left, right = values[s.register], values.get(s.operand, s.operand)
        values[s.register] = eval(f"({left} {s.operator} {right}) % {problem.modulus}")
        lines.append(f"{s.tag} {s.register} {left} {s.operator} {right} = {values[s.register]}\n")
    return (*lines, "answer " + " ".join(str(values[r]) for r in needed_registers(problem)) + "\n")


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_the_order_of_the_text_is_right_and_gives_the_gold_answer(problems, data):
    problem = data.draw(problems)
    text = render(problem)
    lines = written_in_order(problem, needed_statements(problem))
    assert first_error(text, lines) == -1
    assert lines[-1] == f"answer {gold_answer(text)}\n"


def read_in_order(problem, order):
    """What each statement reads: expressions in place of numbers, so that no coincidence counts."""
    values = dict(problem.initial)
    reads = {}
    for s in order:
        reads[s.tag] = values[s.register] = (s.tag, values[s.register], values.get(s.operand, s.operand))
    return reads


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_exactly_the_orders_in_which_every_statement_reads_what_it_should_are_right(problems, data):
    problem = data.draw(problems.filter(lambda p: len(needed_statements(p)) <= 5))
    statements = needed_statements(problem)
    text = render(problem)
    right_orders = [
        order
        for order in permutations(statements)
        if read_in_order(problem, order) == read_in_order(problem, statements)
    ]
    written = {written_in_order(problem, order) for order in right_orders}
    assert all(first_error(text, lines) == -1 for lines in written)
    assert set(right_solutions(text)) == written
    assert count_right_solutions(text) == len(right_orders)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_wrong_order_is_caught_unless_it_writes_the_lines_of_a_right_one(problems, data):
    problem = data.draw(problems)
    text = render(problem)
    statements = needed_statements(problem)
    lines = written_in_order(problem, data.draw(st.permutations(statements)))
    assert (first_error(text, lines) == -1) == (lines in set(right_solutions(text)))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_enumerated_solutions_are_distinct_right_and_counted(problems, data):
    problem = data.draw(problems)
    text = render(problem)
    solutions = list(right_solutions(text))
    assert len(set(solutions)) == len(solutions) == count_right_solutions(text)
    assert first_error(text, data.draw(st.sampled_from(solutions))) == -1


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_next_step_is_right_exactly_if_some_right_solution_goes_on_with_it(problems, data):
    problem = data.draw(problems)
    text = render(problem)
    solutions = list(right_solutions(text))
    chosen = data.draw(st.sampled_from(solutions))
    prefix = chosen[: data.draw(st.integers(0, len(chosen) - 1))]
    following = {s[len(prefix)] for s in solutions if s[: len(prefix)] == prefix}
    assert set(right_next_steps(text, prefix)) == following


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (RIGHT, -1),
        ((RIGHT[1], RIGHT[0], *RIGHT[2:]), -1),
        ((), 0),
        (RIGHT[:2], 2),
        (RIGHT[:3], 3),
        ((*RIGHT, RIGHT[0]), 4),
        ((*RIGHT[:2], RIGHT[3]), 2),
        ((RIGHT[0], RIGHT[0], *RIGHT[1:]), 1),
        ((RIGHT[0], RIGHT[2], *RIGHT[1:]), 1),
        ((*RIGHT[:3], "answer 9 8\n"), 3),
        ((*RIGHT[:3], "answer 8 9 \n"), 3),
        (("a y 1 + 8 = 8\n", *RIGHT[1:]), 0),
        ((RIGHT[0], "b x 9 * 3 = 7\n\n", *RIGHT[2:]), 1),
        ((RIGHT[0], "", *RIGHT[1:]), 1),
    ],
)
def test_the_first_error_is_found(steps, expected):
    assert first_error(EXAMPLE, steps) == expected


def test_newlines_at_the_ends_of_steps_make_no_difference():
    bare = [step.removesuffix("\n") for step in RIGHT]
    assert first_error(EXAMPLE + "\n", bare) == -1
    assert right_next_steps(EXAMPLE, bare[:1]) == right_next_steps(EXAMPLE, RIGHT[:1]) == [RIGHT[1]]


def test_a_step_on_a_register_that_does_not_matter_is_wrong():
    assert first_error(ASIDE, ("a u 1 + 8 = 9\n",)) == 0
    assert list(right_solutions(ASIDE)) == [("b x 9 * 3 = 7\n", "answer 7\n")]


def test_a_prefix_is_right_until_its_first_wrong_step():
    wrong = (RIGHT[0], "b x 9 * 3 = 8\n", "c x 8 - 9 = 9\n")
    assert [prefix_is_right(EXAMPLE, wrong[:n]) for n in range(4)] == [True, True, False, False]
    assert prefix_is_right(EXAMPLE, RIGHT)


def test_nothing_is_right_after_a_wrong_step_or_after_the_answer():
    assert right_next_steps(EXAMPLE, ("a y 1 + 8 = 8\n",)) == []
    assert right_next_steps(EXAMPLE, RIGHT) == []


def test_truth_reads_the_problem_of_a_question():
    assert truth(Question(id="q", problem=EXAMPLE, answer="8 9"), RIGHT[:2]) == 2


def test_text_that_is_no_problem_is_refused():
    with pytest.raises(InputError):
        first_error("what is 2 + 2 ?", ())
