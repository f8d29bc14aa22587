"""Whether SymPy objects are equal, ordered, or the same set: proved, refuted, or unknown. For workers alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal

import sympy
from sympy import S

__all__ = [
    "Counterexample",
    "holds_at",
    "identical",
    "is_zero",
    "never_equal",
    "points_for",
    "same_set",
    "sides_at",
]

_DIGITS = 60
_TINY = sympy.Float("1e-40")
_PROBES = 12
_ENOUGH = 4
# Fixed points without a pattern, of both signs and sizes, that no usual identity is special at
_POINTS = ("1.37", "-0.83", "2.71", "0.29", "-3.17", "5.43", "0.61", "-1.93", "7.19", "3.37", "-0.41", "11.3")

Counterexample = dict[Any, Any]
"""Values of the variables."""


def is_zero(value: Any) -> bool | None:
    """Whether a number without variables is zero; `None` if that is not known."""
    if value.is_Rational:
        return bool(value == 0)
    if value.has(S.NaN, S.ComplexInfinity, S.Infinity, S.NegativeInfinity):
        return None
    shown = value.evalf(_DIGITS)
    if not shown.is_number or not shown.is_finite:
        return None
    scale = max((abs(term.evalf(15)) for term in sympy.Add.make_args(value)), default=S.One)
    if abs(shown) > _TINY * max(S.One, scale):
        return False
    for simpler in (sympy.simplify, sympy.radsimp):
        if simpler(value) == 0:
            return True
    # A number that is zero to a hundred digits and small in its writing
    return True if abs(value.evalf(120, maxn=400)) < sympy.Float("1e-100") else None


def identical(
    left: Any, right: Any, points: Iterable[Counterexample]
) -> Literal[True] | Counterexample | None:
    """Whether two expressions are equal wherever both are defined.

    Returns:
        `True` if proved; values at which they differ; or `None` if neither is found.
    """
    difference = left - right
    symbols = sorted(difference.free_symbols, key=str)
    if not symbols:
        zero = is_zero(difference)
        return {} if zero is False else True if zero else None
    if difference.is_rational_function(*symbols) and sympy.numer(sympy.together(difference)).expand() == 0:
        return True
    agreed = 0
    for point in points:
        sides = sides_at((left, right), point, complex_too=difference.has(sympy.I))
        if sides is None:
            continue
        if (found := is_zero(sides[0] - sides[1])) is False:
            return point
        agreed += found is True
    if agreed < _ENOUGH:
        return None
    for simpler in _SIMPLER:
        if simpler(difference) == 0:
            return True
    return None


_SIMPLER: Sequence[Callable[[Any], Any]] = (
    sympy.simplify,
    sympy.trigsimp,
    lambda value: sympy.simplify(sympy.expand_trig(sympy.expand(value))),
    lambda value: sympy.simplify(value.rewrite(sympy.exp)),
    lambda value: sympy.simplify(sympy.expand_log(value, force=False)),
)


def never_equal(left: Any, right: Any) -> bool:
    """Whether it is proved that no values of the variables make two expressions equal."""
    difference = left - right
    symbols = difference.free_symbols
    if not difference.is_rational_function(*symbols):
        return False
    top = sympy.numer(sympy.together(difference)).expand()
    return bool(top.is_number and is_zero(top) is False)


def sides_at(sides: Sequence[Any], point: Counterexample, *, complex_too: bool = False) -> list[Any] | None:
    """Expressions at a point; `None` where one is no number, or no real one."""
    found = []
    for side in sides:
        value = side.subs(point)
        if value.has(S.NaN, S.ComplexInfinity, S.Infinity, S.NegativeInfinity) or value.free_symbols:
            return None
        if not value.is_Rational:
            shown = value.evalf(20)
            is_real = complex_too or abs(sympy.im(shown)) <= sympy.Float("1e-15")
            if not shown.is_number or not is_real:
                return None
        found.append(value)
    return found


def points_for(symbols: Iterable[Any]) -> Iterator[Counterexample]:
    """Values for variables, as their assumptions allow."""
    ordered = sorted(symbols, key=str)
    for number in range(_PROBES):
        point = {}
        for position, symbol in enumerate(ordered):
            value = sympy.Rational(_POINTS[(number + 5 * position) % _PROBES]) + sympy.Rational(position, 7)
            if symbol.is_positive or symbol.is_nonnegative:
                value = abs(value)
            elif symbol.is_negative or symbol.is_nonpositive:
                value = -abs(value)
            point[symbol] = sympy.Integer(round(value)) if symbol.is_integer else value
        yield point


def holds_at(relation: Any, point: Counterexample) -> bool | None:
    """Whether a relation holds at values of its variables."""
    if relation in (S.true, S.false):
        return bool(relation)
    sides = sides_at((relation.lhs, relation.rhs), point)
    if sides is None:
        return None
    difference = sides[0] - sides[1]
    zero = is_zero(difference)
    if zero is None:
        return None
    sign = 0 if zero else (1 if difference.evalf(30) > 0 else -1)
    return {
        "==": sign == 0, "!=": sign != 0, "<": sign < 0, "<=": sign <= 0, ">": sign > 0, ">=": sign >= 0
    }[relation.rel_op]  # fmt: skip


def same_set(left: Any, right: Any) -> bool | None:
    """Whether two sets have the same elements."""
    if isinstance(left, sympy.FiniteSet) and isinstance(right, sympy.FiniteSet):
        forth, back = _covers(left, right), _covers(right, left)
        return False if forth is False or back is False else forth and back
    if left == right:
        return True
    if isinstance(left, sympy.ConditionSet) or isinstance(right, sympy.ConditionSet):
        return _same_as_condition(left, right)
    differ = left.symmetric_difference(right).doit()
    if differ.is_empty is not None:
        return bool(differ.is_empty)
    return None


def _covers(these: Any, those: Any) -> bool | None:
    """Whether each of these is among those."""
    sure: bool | None = True
    for each in these:
        found = [_same_element(each, other) for other in those]
        if True not in found:
            if None not in found:
                return False
            sure = None
    return sure


def _same_element(left: Any, right: Any) -> bool | None:
    if isinstance(left, sympy.Tuple) != isinstance(right, sympy.Tuple):
        return False
    if not isinstance(left, sympy.Tuple):
        found = identical(left, right, points_for((left - right).free_symbols))
        if found is True or found is None:
            return found
        # With variables, elements that differ in general may be the same
        return None if (left - right).free_symbols else False
    if len(left) != len(right):
        return False
    each = [_same_element(one, other) for one, other in zip(left, right, strict=True)]
    return False if False in each else None if None in each else True


def _same_as_condition(left: Any, right: Any) -> bool | None:
    """A set that is only described refutes what is not in it, and proves nothing."""
    described, listed = (left, right) if isinstance(left, sympy.ConditionSet) else (right, left)
    if not isinstance(listed, sympy.FiniteSet):
        return None
    inside = [holds_at(described.condition, {described.sym: each}) for each in listed]
    return False if False in inside else None
