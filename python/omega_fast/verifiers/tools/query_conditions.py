"""The conditions of a query: values of variables, what is assumed of them, and the cases that equations leave."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import sympy
from sympy import S

from omega_fast.verifiers.tools.query_proof import Counterexample, holds_at, points_for
from omega_fast.verifiers.tools.query_tree import Name, QueryError, Relation, names_in
from omega_fast.verifiers.tools.query_values import Assumptions, Values
from omega_fast.verifiers.tools.query_words import CONSTANTS

__all__ = ["Case", "Conditions", "where"]

_MOST_CASES = 20
_POINTS = 12
_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_ASSUMED = {">": "positive", ">=": "nonnegative", "<": "negative", "<=": "nonpositive"}


@dataclass(frozen=True, slots=True)
class Case:
    """One way to satisfy the equations among the conditions.

    Attributes:
        values: What variables are equal to, in terms of the others.
        limits: What is known of the others.
    """

    values: Mapping[Any, Any]
    limits: tuple[Any, ...]

    def points(self, symbols: set[Any]) -> Iterator[Counterexample]:
        """Values of variables that meet the limits, a few."""
        every = symbols.union(*(limit.free_symbols for limit in self.limits))
        return islice(
            (
                point
                for point in _scaled(points_for(every))
                if all(holds_at(limit, point) is True for limit in self.limits)
            ),
            _POINTS,
        )

    def domain(self, symbol: Any) -> Any:
        """The values that a variable may take, as far as limits of it alone say."""
        domain: Any = S.Integers if symbol.is_integer else S.Reals
        for limit in self.limits:
            if limit.free_symbols == {symbol}:
                domain = domain.intersect(where(limit, symbol))
        for word, part in _SIGNED:
            if getattr(symbol, f"is_{word}"):
                domain = domain.intersect(part)
        return domain


_SIGNED = (
    ("positive", sympy.Interval.open(0, S.Infinity)),
    ("negative", sympy.Interval.open(S.NegativeInfinity, 0)),
    ("nonnegative", sympy.Interval(0, S.Infinity)),
    ("nonpositive", sympy.Interval(S.NegativeInfinity, 0)),
)


def where(relation: Any, symbol: Any) -> Any:
    """The real numbers for which a relation of one variable holds."""
    plain = sympy.Symbol(str(symbol), real=True)
    return sympy.solveset(relation.subs(symbol, plain), plain, S.Reals)


class Conditions:
    """What a query takes to hold.

    Args:
        conditions: As they were written.
        log_base: What `log` without a base means.

    Raises:
        QueryError: They contradict each other, or have too many solutions.
    """

    def __init__(self, conditions: Sequence[Relation], log_base: Any) -> None:
        substituted, rest = _substituted(conditions, log_base)
        equated = any(each.sign == "=" for each in rest)
        assumptions = _assumptions(conditions, signs=not equated)
        self.values = Values(assumptions, log_base, substituted)
        made = [self.values.relation(each) for each in rest]
        if S.false in made:
            raise QueryError("the conditions contradict each other")
        equations = [each for each in made if isinstance(each, sympy.Eq)]
        limits = [each for each in made if each != S.true and not isinstance(each, sympy.Eq)]
        solutions, self.are_complete = _solutions(equations)
        self.cases = list(_cases(solutions, limits))
        if not self.cases:
            raise QueryError("nothing satisfies the conditions")


def _cases(solutions: Sequence[Mapping[Any, Any]], limits: Sequence[Any]) -> Iterator[Case]:
    """The solutions that the limits allow."""
    for values in solutions:
        left = [limit.subs(values) for limit in limits]
        decided = [holds_at(limit, {}) for limit in left if not limit.free_symbols]
        if False in decided:
            continue
        if None in decided:
            raise QueryError("it is not known whether a solution of the conditions meets all of them")
        yield Case(values, tuple(limit for limit in left if limit.free_symbols))


def _solutions(equations: Sequence[Any]) -> tuple[list[Mapping[Any, Any]], bool]:
    """The real solutions of equations, and whether these are sure to be all."""
    if not equations:
        return [{}], True
    symbols = sorted({each for equation in equations for each in equation.free_symbols}, key=str)
    if len(symbols) == 1:
        found: Any = S.Reals
        for equation in equations:
            found = found.intersect(where(equation, symbols[0]))
        if found == S.EmptySet:
            return [], True
        if not isinstance(found, sympy.FiniteSet):
            raise QueryError("the conditions have no finite list of solutions")
        return [{symbols[0]: value} for value in found], True
    solutions = sympy.solve(list(equations), symbols, dict=True)
    if len(solutions) > _MOST_CASES:
        raise QueryError("the conditions have too many solutions")
    complete = all((each.lhs - each.rhs).is_rational_function(*symbols) for each in equations)
    return [
        each for each in solutions if all(value.is_real is not False for value in each.values())
    ], complete


def _substituted(conditions: Sequence[Relation], log_base: Any) -> tuple[dict[str, Any], list[Relation]]:
    """The values that conditions such as `x = 3` give to variables, and the other conditions.

    These values are put in before anything is built, so that limits on size see them.
    """
    values: dict[str, Any] = {}
    rest: list[Relation] = []
    for each in conditions:
        name = each.left.text if each.sign == "=" and isinstance(each.left, Name) else ""
        if name and name not in CONSTANTS and name not in values:
            value = Values({}, log_base, values).number(each.right)
            if not value.free_symbols:
                values[name] = value
                continue
        if each.sign != "in":
            rest.append(each)
    return values, rest


def _assumptions(conditions: Sequence[Relation], *, signs: bool) -> Assumptions:
    """What conditions such as `x > 0` and `n in integers` say of variables, in SymPy's words.

    With equations, signs are left out: a solution replaces the variable, and its sign with it.
    """
    found: dict[str, dict[str, bool]] = {}
    for each in conditions:
        left, sign, right = each.left, each.sign, each.right
        if sign == "in":
            if not isinstance(left, Name) or not isinstance(right, Name) or right.text not in _KINDS:
                raise QueryError("a condition of a kind is written n in integers")
            if right.text == "integers":
                found.setdefault(left.text, {})["integer"] = True
            continue
        if isinstance(right, Name) and sign in _FLIPPED:
            left, sign, right = right, _FLIPPED[sign], left
        if not signs or not isinstance(left, Name) or left.text in CONSTANTS or sign not in _ASSUMED:
            continue
        bound = None if names_in(right) else Values().number(right)
        if bound is not None and bound.is_Rational and (bound == 0 or (bound > 0) == (sign in (">", ">="))):
            word = _ASSUMED[sign] if bound == 0 else "positive" if bound > 0 else "negative"
            found.setdefault(left.text, {})[word] = True
    return found


_KINDS = frozenset({"integers", "reals"})


def _scaled(points: Iterator[Counterexample]) -> Iterator[Counterexample]:
    """The points, and then the same nearer to zero and farther away: conditions may allow these alone."""
    known = list(points)
    yield from known
    for scale in (sympy.Rational(1, 10), sympy.Integer(10)):
        for point in known:
            yield {name: value if name.is_integer else value * scale for name, value in point.items()}
