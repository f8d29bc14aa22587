"""The surface grammar of ledger problems."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omega_fast.errors import InputError
from omega_fast.tasks.ledger import LedgerProblem, Statement, parse, render

EXAMPLE = "x is 9 . y is 1 . a y add 8 . b x times 3 . c x take y . ?"


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_parsing_undoes_rendering(problems, data):
    problem = data.draw(problems)
    assert parse(render(problem)) == problem


def test_a_plain_problem_is_read_as_written():
    assert parse(EXAMPLE) == LedgerProblem(
        initial={"x": 9, "y": 1},
        statements=(Statement("a", "y", "+", 8), Statement("b", "x", "*", 3), Statement("c", "x", "-", "y")),
    )


def test_a_story_is_read_as_written():
    text = "modulo 23 . ann has 9 pens . bob has 1 pens . a bob finds 8 pens . b ann loses as many as bob . ?"
    assert parse(text) == LedgerProblem(
        initial={"ann": 9, "bob": 1},
        statements=(Statement("a", "bob", "+", 8), Statement("b", "ann", "-", "bob")),
        modulus=23,
        noun="pens",
    )


def test_one_newline_at_the_end_is_allowed():
    assert parse(EXAMPLE + "\n") == parse(EXAMPLE)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "?",
        "hello",
        EXAMPLE[:-2],
        EXAMPLE + "\n\n",
        EXAMPLE.replace(" . ", " .  "),
        EXAMPLE.replace("x is 9", "x is 09"),
        EXAMPLE.replace("x is 9", "x is 10"),
        EXAMPLE.replace("x is 9", "y is 9"),
        EXAMPLE.replace("b x", "a x"),
        EXAMPLE.replace("take y", "take x"),
        EXAMPLE.replace("take y", "take z"),
        EXAMPLE.replace("take", "steal"),
        EXAMPLE.replace("y is 1", "y has 1 pens"),
        "modulo 10 . " + EXAMPLE,
        "modulo 0 . " + EXAMPLE,
        "x is 9 . a x add \u0663 . ?",
        "ann has 9 dogs . a ann finds 8 dogs . ?",
    ],
)
def test_text_outside_the_grammar_is_refused_with_a_hint(text):
    with pytest.raises(InputError) as refusal:
        parse(text)
    assert refusal.value.hint
