"""Planted errors are found exactly where they were planted."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omega_fast.errors import InputError
from omega_fast.tasks.ledger import CorruptionKind, corrupt, first_error, parse, render, right_solutions

EXAMPLE = "x is 9 . y is 1 . a y add 8 . b x times 3 . c x take y . ?"
RIGHT = ("a y 1 + 8 = 9\n", "b x 9 * 3 = 7\n", "c x 7 - 9 = 8\n", "answer 8 9\n")


@pytest.mark.parametrize("kind", CorruptionKind)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_the_first_error_is_the_planted_one(problems, kind, data):
    problem = data.draw(problems.filter(lambda p: p.statements[-1].operand in p.initial))
    steps = data.draw(st.sampled_from(list(right_solutions(render(problem)))))
    corruption = corrupt(problem, steps, kind, data.draw(st.integers(0, 99)))
    assert corruption.steps[: corruption.index] == steps[: corruption.index]
    assert first_error(render(problem), corruption.steps) == corruption.index


@pytest.mark.parametrize("kind", CorruptionKind)
def test_a_corruption_depends_on_its_seed_alone(kind):
    problem = parse(EXAMPLE)
    drawn = {corrupt(problem, RIGHT, kind, seed) for seed in range(20)}
    assert drawn == {corrupt(problem, RIGHT, kind, seed) for seed in range(20)}
    assert len(drawn) > 1


def test_an_early_stop_answers_with_the_values_so_far():
    stops = {corrupt(parse(EXAMPLE), RIGHT, CorruptionKind.EARLY_STOP, seed).steps for seed in range(20)}
    assert stops == {("answer 9 1\n",), (RIGHT[0], "answer 9 9\n"), (*RIGHT[:2], "answer 7 9\n")}


def test_lines_after_the_error_follow_from_what_it_wrote():
    for seed in range(20):
        corruption = corrupt(parse(EXAMPLE), RIGHT, CorruptionKind.RESULT, seed)
        if corruption.index == 1:
            wrong = int(corruption.steps[1].split()[-1])
            assert corruption.steps[2:] == (
                f"c x {wrong} - 9 = {(wrong - 9) % 10}\n",
                f"answer {(wrong - 9) % 10} 9\n",
            )
            break
    else:
        pytest.fail("no seed planted the error in the second line")


def test_a_wrong_solution_is_not_corrupted_further():
    with pytest.raises(InputError):
        corrupt(parse(EXAMPLE), RIGHT[:2], CorruptionKind.RESULT, 0)


def test_a_problem_without_dependencies_has_no_wrong_order():
    with pytest.raises(InputError):
        corrupt(parse("x is 9 . a x add 8 . ?"), ("a x 9 + 8 = 7\n", "answer 7\n"), CorruptionKind.ORDER, 0)
