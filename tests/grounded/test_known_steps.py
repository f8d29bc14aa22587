"""Steps that are known to be right or wrong, of reference solutions and of the embedded task."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest

from omega_fast.grounded.known_steps import known_step
from omega_fast.grounded.problem import Problem
from omega_fast.tasks.ledger import LedgerConfig, first_error, questions

GSM8K = """\
Natalia sold 48/2 = <<48/2=24>>24 clips in May.
She earned 24*$2=$<<24*2=48>>48 with them.
Natalia sold 48+24 = <<48+24=72>>72 clips altogether in April and May.
#### 72"""
MATH = r"We have $3 \cdot 4 = 12$. Then $x = 12 - 5 = 7$. So the answer is $\boxed{7}$."


def problem(solution: str, answer: str = "1") -> Problem:
    return Problem("q", "How many?", (), "find it", 1, answer, solution)


def drawn(of: Problem, *, right: bool, times: int = 200) -> list[tuple[str, ...]]:
    found = (known_step(of, random.Random(seed), right=right) for seed in range(times))
    return [tuple(step.action for step in each) for each in found if each is not None]


def test_right_ones_are_lines_of_the_reference_solution() -> None:
    lines = (
        "Natalia sold 48/2 = 24 clips in May.",
        "She earned 24*$2=$48 with them.",
        "Natalia sold 48+24 = 72 clips altogether in April and May.",
    )
    assert set(drawn(problem(GSM8K, "72"), right=True)) == {lines[: end + 1] for end in range(3)}


def test_wrong_ones_differ_from_a_right_one_in_a_digit_of_the_last_steps_result_alone() -> None:
    of = problem(GSM8K, "72")
    truths = {len(each): each for each in drawn(of, right=True, times=50)}
    wrong = drawn(of, right=False, times=100)
    assert len(wrong) == 100
    for steps in wrong:
        truth = truths[len(steps)]
        assert steps[:-1] == truth[:-1]
        changed = [(a, b) for a, b in zip(truth[-1], steps[-1], strict=True) if a != b]
        assert len(changed) == 1
        assert all(sign.isdigit() for pair in changed for sign in pair)


def test_formulas_and_the_answer_in_the_box_are_used_and_the_wrong_box_is_the_steps_answer() -> None:
    of = problem(MATH, "7")
    assert {each[-1] for each in drawn(of, right=True)} >= {
        r"We have $3 \cdot 4 = 12$.",
        r"So the answer is $\boxed{7}$.",
    }
    boxed = [
        step[-1]
        for seed in range(100)
        if (step := known_step(of, random.Random(seed), right=False)) is not None and step[-1].answer
    ]
    assert boxed
    assert all(step.answer != "7" and rf"\boxed{{{step.answer}}}" in step.action for step in boxed)


@pytest.mark.parametrize(
    "solution",
    [
        r"\boxed{12}",
        "#### 12",
        "She has some.\nThen she has more.\n#### 12",
        "x + 3*4 = 12 and so on",
        "3*4 = 12x holds",
        "3*4 = 12^2 - 132",
        "2^3*4 = 12",
        "3*4 = 12 + y",
        r"3*4 = 12 \pi",
        "10 - 1/2 = 4.5",
        "1/3 = 0.33",
        "5% of 3*4 = 12.5.1",
        "3*(4 = 12",
        "4/0 = 4",
        "(" * 5000 + "1+1" + ")" * 5000 + " = 2",
        "1+" * 100_000 + "1 = 2",
    ],
)
def test_what_is_not_certain_is_not_used(solution: str) -> None:
    assert known_step(problem(f"First.\n{solution}"), random.Random(0), right=False) is None or (
        "boxed" in solution
    )
    assert known_step(problem(solution), random.Random(0), right=False) is None


@pytest.mark.parametrize("skin", ["plain", "story"])
def test_of_a_ledger_problem_they_are_exact_in_either_skin(skin: str) -> None:
    kinds = set()
    for question in questions(LedgerConfig(skin=skin), 30, 1, "train"):  # type: ignore[arg-type]
        of = Problem(question.id, question.problem, (), "", 1, question.answer or "")
        for steps in drawn(of, right=True, times=8):
            assert first_error(of.question, steps) in (-1, len(steps))
        for steps in drawn(of, right=False, times=8):
            assert first_error(of.question, steps) == len(steps) - 1
            kinds.add(steps[-1].startswith("answer"))
    assert kinds == {True, False}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("text", ["1+", "#", "#### ", "<<", "+ ", "(1)", ". A", "$", "1.5*4 = ", "\\boxed{"])
def test_long_and_odd_solutions_take_no_time(text: str) -> None:
    for length in (19_990, 1_000_000):
        solution = f"First.\n{(text * length)[:length]}"
        known_step(problem(solution), random.Random(0), right=False)


def test_equations_of_chosen_results_are_false_after_the_change() -> None:
    of = problem("He pays 1.5*4 = 6 and 12*0.5=6.0 and (2+3)*7 = 35.")
    for (step,) in drawn(of, right=False):
        said = [each.split("=") for each in step.removeprefix("He pays ").rstrip(".").split(" and ")]
        values = [Fraction(6), Fraction(6), Fraction(35)]
        assert (
            sum(Fraction(right.strip()) != value for (_, right), value in zip(said, values, strict=True)) == 1
        )
