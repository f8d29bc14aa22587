"""Stories told in plain words and back."""

from __future__ import annotations

import doctest

import pytest

from omega_fast.errors import InputError
from omega_fast.tasks.ledger import (
    LedgerConfig,
    first_error,
    parse,
    plain_telling,
    questions,
    render,
    right_solutions,
    skins,
)


def test_the_example_holds() -> None:
    assert doctest.testmod(skins).failed == 0
    assert doctest.testmod(skins).attempted == 3


@pytest.mark.parametrize("distractors", [0, 1])
@pytest.mark.parametrize("registers", [1, 2, 4])
def test_a_right_solution_of_a_story_is_one_of_its_plain_telling_and_back(
    registers: int, distractors: int
) -> None:
    config = LedgerConfig(skin="story", registers=registers, distractors=distractors)
    for question in questions(config, 20, 0, "train"):
        told = plain_telling(question.problem)
        assert not parse(told.text).noun
        assert render(parse(told.text)) == told.text
        lines = next(right_solutions(question.problem))
        there = [told.there(line) for line in lines]
        assert first_error(told.text, there) == -1
        assert [told.back(line) for line in there] == list(lines)


def test_a_plain_problem_stays_as_it_is() -> None:
    text = "x is 9 . y is 1 . a y add 8 . b x take y . ?"
    told = plain_telling(text + "\n")
    assert told.text == text
    assert told.back("a y 1 + 8 = 9") == told.there("a y 1 + 8 = 9") == "a y 1 + 8 = 9"


@pytest.mark.parametrize("line", ["answer 3 4", "answer x", "", "a", "a q 1 + 1 = 2", "x", "a y", " y 1"])
def test_lines_that_name_no_register_stay_as_they_are(line: str) -> None:
    told = plain_telling(
        "ann has 9 pens . bob has 1 pens . a bob finds 8 pens . b ann loses as many as bob . ?"
    )
    assert told.back(line) == line


def test_more_registers_than_the_plain_skin_names_are_refused() -> None:
    names = ("ann", "bob", "cat", "dan", "eve")
    given = "".join(f"{name} has 1 pens . " for name in names)
    joins = "".join(
        f"{tag} {one} finds as many as {other} . "
        for tag, one, other in zip("abcd", names, names[1:], strict=False)
    )
    with pytest.raises(InputError, match="no names"):
        plain_telling(f"{given}{joins}?")
    with pytest.raises(InputError):
        plain_telling("Natalia sold clips.")
