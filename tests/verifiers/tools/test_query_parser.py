"""The query language: what it reads, what it refuses, and that nothing in a query is run."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omega_fast.verifiers.tools.query_parser import parse_query
from omega_fast.verifiers.tools.query_tree import Apply, Name, Number, Query, QueryError, Relation

SAME = {
    r"\frac{1}{2} \cdot x^{2} = 3": "(1)/(2) * x^2 = 3",
    r"\frac12 = 0.5": "1/2 = 0.5",
    r"\left( 2 + 3 \right) \times 4 = 20": "(2+3)*4 = 20",
    r"\sqrt[3]{8} = 2": "root(8, 3) = 2",
    r"\sin^2 x = 1": "sin(x)^2 = 1",
    r"\sin^{-1} 1 = 2": "asin(1) = 2",
    r"\log_2 8 = 3": "log(8, 2) = 3",
    r"\binom{5}{2} = 10": "binomial(5, 2) = 10",
    r"\sum_{k=1}^{10} k = 55": "sum(k, k, 1, 10) = 55",
    "1,000 + 1 = 1,001": "1000 + 1 = 1001",
    r"x \le 3 \neq y": "x <= 3 != y",
    r"90^\circ = 90°": "90 deg = 90 deg",
    r"\boxed{3} = 3": "3 = 3",
    r"\$5 + \$3 = \$8": "5 + 3 = 8",
    r"17 \equiv 2 \pmod{5}": "17 equiv 2 (mod 5)",
    r"\{1, 2\} = \{2, 1\}": "{1, 2} = {2, 1}",
    "2x(x+1) = y": "2*x*(x+1) = y",
    "ab = c": "a*b = c",
    "3 ** 2 = 9": "3^2 = 9",
    "7 // 2 = 3": "floor(7/2) = 3",
}
REFUSED = {
    "two readings of a quotient": "1/2x = 3",
    "mixed number": r"2\frac{1}{2} = 5/2",
    "number behind a number": "3 4 = 12",
    "unknown function": "f(2) = 3",
    "unknown function by its argument": "p(x) = 3",
    "inverse of an unknown function": "f^{-1}(0) = 3",
    "factorial or not equal": "5!=120",
    "variable or Euler's number": "e = 3",
    "unknown word": "speed = 3",
    "unknown command": r"\foo{2} = 3",
    "no relation": "2 + 3",
    "nothing": "",
    "no side": "= 3",
    "open parenthesis": "(2 + 3 = 5",
    "two queries": "1 = 1; 2 = 2",
    "attribute": "x.__class__ = 1",
    "call of a builtin": "__import__('os').system('id') = 0",
    "lambda": "lambda: 1 = 1",
    "string": "'a' = 'a'",
    "long": "1 + " * 600 + "1 = 601",
    "deep": "(" * 100 + "1" + ")" * 100 + " = 1",
    "deep powers": "^".join(["2"] * 100) + " = 1",
    "many digits": "9" * 100 + " = 1",
    "digit out of its base": "109_2 = 5",
    "too few arguments": "gcd(12) = 12",
    "variable missing": "sum(2, 3, 1, 2) = 5",
}


@pytest.mark.parametrize("latex", SAME)
def test_latex_and_plain_text_give_the_same_tree(latex: str) -> None:
    assert parse_query(latex) == parse_query(SAME[latex])


@pytest.mark.parametrize("why", REFUSED)
def test_what_is_no_query_or_has_two_readings_is_refused(why: str) -> None:
    with pytest.raises(QueryError):
        parse_query(REFUSED[why])


def test_conditions_stand_before_the_chain_that_they_are_for() -> None:
    x = Name("x")
    assert parse_query("given x > 0: x < 3 < 4") == Query(
        (Relation(x, "<", Number("3")), Relation(Number("3"), "<", Number("4"))),
        (Relation(x, ">", Number("0")),),
    )
    assert parse_query("for all x, y: x = y").conditions == ()
    assert parse_query("x = y").conditions is None


def test_a_minus_sign_binds_less_than_a_power() -> None:
    assert parse_query("-x^2 = 1").relations[0].left == Apply("neg", (Apply("^", (Name("x"), Number("2"))),))


def test_grouped_digits_are_one_number_outside_of_parentheses_alone() -> None:
    assert parse_query("gcd(12,180) = 12").relations[0].left == Apply("gcd", (Number("12"), Number("180")))


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="0123456789xyef+-*/^=<>(){}[]|,:;!%_\\. \nsincoglt$~", max_size=60))
def test_any_text_is_a_query_or_refused(text: str) -> None:
    with contextlib.suppress(QueryError):
        assert parse_query(text).relations
