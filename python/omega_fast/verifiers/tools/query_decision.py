"""What becomes of a query: right, wrong, or cannot say, with a reason and the computed value. For workers alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import sympy
from sympy import S

from omega_fast.verifiers.tools.query_conditions import Case, Conditions, where
from omega_fast.verifiers.tools.query_proof import (
    holds_at,
    identical,
    is_zero,
    never_equal,
    points_for,
    same_set,
)
from omega_fast.verifiers.tools.query_tree import (
    Apply,
    Expression,
    MeaninglessError,
    Name,
    Number,
    Query,
    QueryError,
    Relation,
    nodes_of,
)

__all__ = ["Decision", "decide"]

_LONGEST_VALUE = 300
_MADE = {"!=": sympy.Ne, "<": sympy.Lt, "<=": sympy.Le, ">": sympy.Gt, ">=": sympy.Ge}
_SETS = frozenset({"set", "solve", "()", "[]", "(]", "[)", "union", "intersection"})
_NOT_FOUND = "neither proved nor refuted"


@dataclass(frozen=True, slots=True)
class Decision:
    """What was found of a claim; `holds` is `None` where nothing was."""

    holds: bool | None
    reason: str
    value: str | None = None


def decide(query: Query) -> Decision:
    """Decide a query; what cannot be decided, for whatever reason in the query itself, is a decision too.

    Raises:
        MemoryError, RecursionError: The algebra ran out.
    """
    found = _decided(query, S.Exp1)
    if found.holds is None or not _has_bare_log(query):
        return found
    # A logarithm without a base: what holds for both usual ones holds
    if _decided(query, sympy.Integer(10)).holds is found.holds:
        return found
    return Decision(None, "log has no base: write ln(x), or log(x, 10)")


def _decided(query: Query, log_base: Any) -> Decision:
    try:
        return _Claims(query, log_base).decide()
    except MeaninglessError as error:
        return Decision(False, str(error))
    except QueryError as error:
        return Decision(None, str(error))
    except (MemoryError, RecursionError):
        raise
    except Exception as error:  # whatever the algebra raises, it has decided nothing
        return Decision(None, f"the algebra gave up: {type(error).__name__}")


def _has_bare_log(query: Query) -> bool:
    return any(
        isinstance(node, Apply) and node.operator == "log" and len(node.arguments) == 1
        for node in nodes_of(*query.relations, *(query.conditions or ()))
    )


class _Claims:
    """The relations of a query under its conditions and one meaning of `log`."""

    def __init__(self, query: Query, log_base: Any) -> None:
        self._relations = query.relations
        self._for_all = query.conditions is not None
        self._conditions = Conditions(query.conditions or (), log_base)
        self._values = self._conditions.values

    def decide(self) -> Decision:
        """All relations of the chain together: one that is wrong makes it wrong."""
        found = [self._relation(each) for each in self._relations]
        for holds in (False, None):
            if (first := next((each for each in found if each.holds is holds), None)) is not None:
                return first
        return found[0] if len(found) == 1 else replace(found[0], reason=f"all {len(found)} relations hold")

    def _relation(self, relation: Relation) -> Decision:
        if Name("i") in (relation.left, relation.right):
            raise QueryError("i alone can be a variable: write it as part of an expression")
        if relation.sign == "mod":
            return self._congruence(relation)
        if relation.sign == "in":
            return self._membership(relation)
        if any(
            isinstance(side, Apply) and side.operator in _SETS for side in (relation.left, relation.right)
        ):
            return self._sets(relation)
        left, right = self._values.number(relation.left), self._values.number(relation.right)
        if left.has(sympy.Integral) or right.has(sympy.Integral):
            return self._antiderivative(relation, left, right)
        found = [self._in_case(relation, left, right, case) for case in self._conditions.cases]
        worst = next((each for holds in (False, None) for each in found if each.holds is holds), found[0])
        if worst.holds and not self._conditions.are_complete:
            return Decision(None, "it holds for the solutions of the conditions that were found")
        return worst if worst.value is not None else replace(worst, value=_shown(left))

    def _in_case(self, relation: Relation, left: Any, right: Any, case: Case) -> Decision:
        left, right = left.subs(case.values), right.subs(case.values)
        if left.has(S.NaN, S.ComplexInfinity) or right.has(S.NaN, S.ComplexInfinity):
            return Decision(None, "a value is undefined")
        has_symbols = bool(left.free_symbols | right.free_symbols)
        if relation.sign in ("=", "~="):
            found = self._identity(left, right, case) if has_symbols else _numbers(relation, left, right)
        elif left.has(sympy.I) or right.has(sympy.I):
            found = Decision(None, "complex numbers have no order")
        else:
            made = _MADE[relation.sign](left, right)
            found = self._ordered(made, case) if has_symbols else _order(made, left, right)
        if found.holds is False and case.values:
            return replace(found, reason=f"{found.reason}, where {_named(case.values)}")
        return found

    def _identity(self, left: Any, right: Any, case: Case) -> Decision:
        value = _shown(left)
        found = identical(left, right, case.points(left.free_symbols | right.free_symbols))
        if found is True or found is None:
            return Decision(found, "the sides are identical" if found else _NOT_FOUND, value)
        if self._for_all:
            return Decision(False, f"it does not hold at {_named(found)}", value)
        if never_equal(left, right):
            return Decision(False, "no values of the variables make the sides equal", value)
        said = "it holds for some values of the variables at most; say for all, or under which conditions"
        return Decision(None, said, value)

    def _ordered(self, relation: Any, case: Case) -> Decision:
        if relation in (S.true, S.false):
            return Decision(bool(relation), "it follows from what is known of the variables")
        symbols = relation.free_symbols
        against = next((point for point in case.points(symbols) if holds_at(relation, point) is False), None)
        if against is not None and self._for_all:
            return Decision(False, f"it does not hold at {_named(against)}")
        if len(symbols) != 1:
            return Decision(None, "an order of several variables is not proved")
        (symbol,) = symbols
        return self._among(where(relation, symbol), case.domain(symbol))

    def _among(self, solutions: Any, domain: Any) -> Decision:
        """Whether a relation that holds in one set of numbers holds for all of another."""
        value = _cut(str(solutions))
        if solutions.has(sympy.ConditionSet, sympy.ImageSet):
            return Decision(None, "the values for which it holds are not found")
        inside = domain.is_subset(solutions)
        if inside:
            return Decision(True, "it holds for all values", value)
        if solutions.intersect(domain) == S.EmptySet:
            return Decision(False, "it holds for no values", value)
        if self._for_all and inside is False:
            return Decision(False, f"it holds in {value} alone", value)
        return Decision(None, "it holds for some values of the variable", value)

    def _antiderivative(self, relation: Relation, left: Any, right: Any) -> Decision:
        """A claim about an antiderivative, up to a constant: its derivative is decided."""
        variables = {each.variables[0] for side in (left, right) for each in side.atoms(sympy.Integral)}
        if relation.sign != "=" or len(variables) != 1:
            raise QueryError("antiderivatives stand in equations, all of one variable")
        (variable,) = variables
        one, other = (sympy.diff(side, variable).doit() for side in (left, right))
        found = identical(one, other, points_for(one.free_symbols | other.free_symbols))
        known = left.doit() if left.has(sympy.Integral) else right.doit()
        value = None if known.has(sympy.Integral) else _shown(known)
        if found is True or found is None:
            return Decision(found, "both sides have the same derivative" if found else _NOT_FOUND, value)
        return Decision(False, f"the derivatives differ at {_named(found)}", value)

    def _congruence(self, relation: Relation) -> Decision:
        assert relation.modulus is not None, "the parser sees to it"
        sides = (relation.left, relation.right, relation.modulus)
        left, right, modulus = (self._values.number(each) for each in sides)
        if not all(each.is_Integer for each in (left, right, modulus)) or modulus == 0:
            raise QueryError("a congruence is of whole numbers")
        rest = left % abs(modulus)
        return Decision(bool((left - right) % modulus == 0), f"the left side leaves {rest}", str(rest))

    def _membership(self, relation: Relation) -> Decision:
        value, within = self._values.number(relation.left), self._values.of(relation.right)
        if not isinstance(within, sympy.Set) or value.free_symbols:
            raise QueryError("a number without variables is or is not in a set")
        if isinstance(within, sympy.FiniteSet):
            equal = [is_zero(value - each) for each in within if isinstance(each, sympy.Expr)]
            holds = True if True in equal else None if None in equal else False
        else:
            said = within.contains(value)
            holds = bool(said) if said in (S.true, S.false) else None
        return Decision(holds, f"the set is {_shown(within)}", _shown(value))

    def _sets(self, relation: Relation) -> Decision:
        left, right = self._values.of(relation.left), self._values.of(relation.right)
        if relation.sign not in ("=", "!=") or not all(isinstance(each, sympy.Set) for each in (left, right)):
            raise QueryError("sets are equal to sets, or not")
        left, right = _of_one_kind(left, right), _of_one_kind(right, left)
        same = same_set(left, right)
        holds = same if same is None or relation.sign == "=" else not same
        return Decision(holds, f"the left side is {_shown(left)}", _shown(left))


def _order(relation: Any, left: Any, right: Any) -> Decision:
    holds = bool(relation) if relation in (S.true, S.false) else holds_at(relation, {})
    return Decision(holds, f"the sides are {_shown(left)} and {_shown(right)}", _shown(left))


def _numbers(relation: Relation, left: Any, right: Any) -> Decision:
    value = _shown(left)
    if left.is_infinite or right.is_infinite:
        return Decision(bool(left == right), f"the left side is {value}", value)
    zero = is_zero(left - right)
    if zero:
        return Decision(True, "the sides are equal", value)
    for written, side, other in ((relation.right, right, left), (relation.left, left, right)):
        unit = _last_digit(written, approximate=relation.sign == "~=")
        if unit is not None and (abs(other - side) - unit / 2).evalf(30) <= 0:
            return Decision(True, "the sides are equal, rounded to the last digit that is written", value)
    if zero is None:
        return Decision(None, _NOT_FOUND, value)
    return Decision(False, f"the sides are {value} and {_shown(right)}", value)


def _last_digit(side: Expression, *, approximate: bool) -> Any:
    """What one unit of a written number's last digit is worth; `None` where rounding explains nothing."""
    scale: Any = S.One
    while isinstance(side, Apply) and side.operator in ("neg", "percent"):
        scale = scale / 100 if side.operator == "percent" else scale
        side = side.arguments[0]
    if not isinstance(side, Number):
        return None
    if side.decimals is not None:
        return scale * sympy.Rational(1, 10**side.decimals)
    if not approximate:
        return None
    digits = side.digits.rstrip("0")
    return scale * 10 ** (len(side.digits) - len(digits)) if digits else scale


def _of_one_kind(these: Any, those: Any) -> Any:
    """An open interval beside a set of points is the one point that it looks like."""
    points = isinstance(those, sympy.FiniteSet) and any(isinstance(each, sympy.Tuple) for each in those)
    if points and isinstance(these, sympy.Interval) and these.left_open and these.right_open:
        return sympy.FiniteSet(sympy.Tuple(these.start, these.end))
    return these


def _named(point: Mapping[Any, Any]) -> str:
    return _cut(", ".join(f"{name} = {value}" for name, value in point.items()))


def _shown(value: Any) -> str:
    return _cut(str(value))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "..."
