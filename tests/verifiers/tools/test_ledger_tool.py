"""The ledger executor as a tool, against the exact truth of the task."""

from __future__ import annotations

import pytest

from omega_fast.tasks.ledger import (
    CorruptionKind,
    LedgerConfig,
    corrupt,
    first_error,
    parse,
    questions,
    right_solutions,
)
from omega_fast.verifiers.tools import Finding, open_tool
from omega_fast.verifiers.tools.ledger import LedgerTool

PROBLEM = "x is 9 . y is 1 . a y add 8 . b x take 2 . c x add y . ?"
SOLUTION = ("a y 1 + 8 = 9", "b x 9 - 2 = 7", "c x 7 + 9 = 6", "answer 6 9")


def finding(problem: str, *lines: str) -> Finding:
    with LedgerTool() as tool:
        return tool.check("\n".join((problem, *(line.removesuffix("\n") for line in lines)))).finding


def test_each_line_of_every_right_solution_is_right() -> None:
    for question in questions(LedgerConfig(), 20, 3, "train"):
        for solution in list(right_solutions(question.problem))[:5]:
            for end in range(1, len(solution) + 1):
                assert finding(question.problem, *solution[:end]) is Finding.RIGHT


@pytest.mark.parametrize("kind", CorruptionKind)
def test_the_first_wrong_line_is_the_first_that_the_tool_calls_wrong(kind: CorruptionKind) -> None:
    for question in questions(LedgerConfig(operations=(6, 6)), 20, 4, "train"):
        problem = parse(question.problem)
        right = next(right_solutions(question.problem))
        made = corrupt(problem, right, kind, 5)
        found = [finding(question.problem, *made.steps[:end]) for end in range(1, len(made.steps) + 1)]
        assert found.index(Finding.WRONG) == first_error(question.problem, made.steps) == made.index


def test_a_line_that_follows_from_an_error_is_right_itself() -> None:
    assert finding(PROBLEM, "a y 1 + 8 = 8", "b x 9 - 2 = 7", "c x 7 + 8 = 5", "answer 5 8") is Finding.RIGHT
    assert finding(PROBLEM, "a y 1 + 8 = 8", "b x 9 - 2 = 7", "c x 7 + 9 = 6") is Finding.WRONG


@pytest.mark.parametrize(
    "query",
    [
        "",
        PROBLEM,
        "x is 9\na y 1 + 8 = 9",
        f"{PROBLEM}\nhello\na y 1 + 8 = 9",
        f"{PROBLEM}\na y 1 + 8 = {'9' * 10_000}\nb",
        "x" * 1_000_000,
    ],
)
def test_what_is_no_ledger_solution_cannot_be_said(query: str) -> None:
    assert open_tool("ledger").check(query).finding is Finding.CANNOT_SAY


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("a y 1 + 8 = 9", "a y 1 + 8 = 9"),
        ("a y 1 + 8 = 8", "a y 1 + 8 = 9"),
        ("b x 9 + 2 = 1", "b x 9 - 2 = 7"),
        ("c x 9 + 1 = 0", None),
        ("answer 9 1", None),
    ],
)
def test_the_value_is_the_right_line_of_the_statement_that_is_named(line: str, value: str | None) -> None:
    answer = LedgerTool().check(f"{PROBLEM}\n{line}")
    assert answer.value == value
    assert (answer.finding is Finding.RIGHT) == (value == line)


def test_a_wrong_answer_after_the_last_statement_has_the_right_one_as_value() -> None:
    answer = LedgerTool().check("\n".join((PROBLEM, *SOLUTION[:-1], "answer 0 0")))
    assert (answer.finding, answer.value) == (Finding.WRONG, SOLUTION[-1])
    assert LedgerTool().check("\n".join((PROBLEM, *SOLUTION))).finding is Finding.RIGHT
