"""Trees of queries as SymPy objects, built node by node with limits on size. For worker processes alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import sympy
from sympy import S

from omega_fast.verifiers.tools.query_tree import (
    Apply,
    Expression,
    MeaninglessError,
    Name,
    Number,
    QueryError,
    Relation,
    names_in,
)

__all__ = ["Assumptions", "Values", "real_symbol"]

_MOST_BITS = 100_000
_LARGEST_EXPONENT = 200
_LARGEST_FACTORIAL = 2000
_LONGEST_SUM = 10_000
_MOST_SOLUTIONS = 50

Assumptions = Mapping[str, Mapping[str, bool]]
"""What is known of variables beside that they are real: SymPy's words, such as `positive`."""

_CONSTANTS = {"pi": S.Pi, "e": S.Exp1, "i": S.ImaginaryUnit, "oo": S.Infinity}
_SETS = {"reals": S.Reals, "integers": S.Integers}
_PLAIN: Mapping[str, Callable[..., Any]] = {
    "+": sympy.Add,
    "-": lambda left, right: sympy.Add(left, -right),
    "*": sympy.Mul,
    "neg": lambda value: -value,
    "percent": lambda value: value / 100,
    "degrees": lambda value: value * sympy.pi / 180,
    **{
        name: getattr(sympy, name)
        for name in ("sin", "cos", "tan", "cot", "sec", "csc", "asin", "acos", "atan")
    },
    **{name: getattr(sympy, name) for name in ("sinh", "cosh", "tanh", "floor")},
    "ln": sympy.log,
    "abs": sympy.Abs,
    "ceil": sympy.ceiling,
    "max": sympy.Max,
    "min": sympy.Min,
}
_RELATIONS = {
    "=": sympy.Eq, "!=": sympy.Ne, "<": sympy.Lt, "<=": sympy.Le, ">": sympy.Gt, ">=": sympy.Ge,
}  # fmt: skip


def real_symbol(name: str, assumptions: Assumptions) -> sympy.Symbol:
    """The symbol of a variable."""
    return sympy.Symbol(name, real=True, **assumptions.get(name, {}))


class Values:
    """Makes SymPy objects under given meanings of names.

    Args:
        assumptions: What is known of variables.
        log_base: What `log` without a base means.
        substituted: Variables that stand for expressions.
    """

    def __init__(
        self,
        assumptions: Assumptions | None = None,
        log_base: Any = S.Exp1,
        substituted: Mapping[str, Any] | None = None,
    ) -> None:
        self._assumptions = assumptions or {}
        self._log_base = log_base
        self._substituted = dict(substituted or {})
        self._bound: list[str] = []
        self.bare_logs = 0

    def of(self, node: Expression) -> Any:
        """The SymPy object of a node.

        Raises:
            QueryError: It is undefined, too large, or of the wrong kind for its place.
        """
        if isinstance(node, Number):
            return sympy.Rational(node.digits)
        if isinstance(node, Name):
            return self._name(node.text)
        if isinstance(node, Relation):
            return self.relation(node)
        special = (
            getattr(self, f"_apply_{_METHODS[node.operator]}", None) if node.operator in _METHODS else None
        )
        if special is not None:
            return special(node)
        return _PLAIN[node.operator](*(self.number(each) for each in node.arguments))

    def number(self, node: Expression) -> Any:
        """The object of a node that has to be a number, finite or not."""
        value = self.of(node)
        if not isinstance(value, sympy.Expr):
            raise QueryError("a set or a relation stands where a number is expected")
        if value.has(S.NaN, S.ComplexInfinity):
            raise QueryError("a value is undefined: a division by zero, or infinity less infinity")
        return value

    def relation(self, node: Relation) -> Any:
        """A relation of two numbers."""
        if node.sign not in _RELATIONS:
            raise QueryError(f"{node.sign!r} cannot stand there")
        return _RELATIONS[node.sign](self.number(node.left), self.number(node.right))

    def _name(self, name: str) -> Any:
        if name in self._bound:
            return real_symbol(name, {})
        if name in self._substituted:
            return self._substituted[name]
        if name in _SETS:
            return _SETS[name]
        return _CONSTANTS[name] if name in _CONSTANTS else real_symbol(name, self._assumptions)

    def _scoped(self, name: str, node: Expression) -> Any:
        """The object of a node in which a name is bound."""
        self._bound.append(name)
        try:
            return self.number(node)
        finally:
            self._bound.pop()

    def _apply_quotient(self, node: Apply) -> Any:
        top, bottom = (self.number(each) for each in node.arguments)
        if bottom.is_zero:
            # Where variables stand in it, the conditions may be what makes it zero
            fault = QueryError if names_in(node.arguments[1]) else MeaninglessError
            raise fault("a division by zero")
        return top / bottom

    def _apply_power(self, node: Apply) -> Any:
        base, exponent = (self.number(each) for each in node.arguments)
        if exponent.is_Rational:
            size = abs(exponent)
            bits = max(base.p.bit_length(), base.q.bit_length()) if base.is_Rational else 0
            if (size * max(bits, 1) > _MOST_BITS) or (not base.is_Rational and size > _LARGEST_EXPONENT):
                raise QueryError("a power is too large")
            if base.is_zero and exponent <= 0:
                raise QueryError("zero to a power that is not positive")
            if base.is_negative and not exponent.is_Integer and base.is_Rational:
                raise QueryError(
                    "a broken power of a negative number can be read in two ways; use root(x, n)"
                )
        elif not exponent.free_symbols and abs(complex(exponent.evalf(15))) > _LARGEST_EXPONENT:
            raise QueryError("a power is too large")
        return base**exponent

    def _apply_root(self, node: Apply) -> Any:
        value = self.number(node.arguments[0])
        degree = self.number(node.arguments[1]) if len(node.arguments) > 1 else sympy.Integer(2)
        if not (degree.is_Integer and 2 <= degree <= _LARGEST_EXPONENT):
            raise QueryError("the degree of a root is a whole number from 2 on")
        if degree % 2 and value.is_negative:
            return -sympy.root(-value, degree)
        if degree % 2 and not value.is_nonnegative and value.free_symbols:
            return sympy.sign(value) * sympy.root(sympy.Abs(value), degree)
        return sympy.root(value, degree)

    def _apply_exp(self, node: Apply) -> Any:
        return self._apply_power(Apply("^", (Name("e"), node.arguments[0])))

    def _apply_log(self, node: Apply) -> Any:
        value = self.number(node.arguments[0])
        if value.is_zero:
            raise QueryError("the logarithm of zero")
        if len(node.arguments) > 1:
            return sympy.log(value) / sympy.log(self.number(node.arguments[1]))
        self.bare_logs += 1
        return sympy.log(value) / sympy.log(self._log_base)

    def _apply_factorial(self, node: Apply) -> Any:
        value = self.number(node.arguments[0])
        if value.is_Number and not (value.is_Integer and 0 <= value <= _LARGEST_FACTORIAL):
            raise QueryError(f"a factorial is of a whole number from 0 to {_LARGEST_FACTORIAL}")
        return sympy.factorial(value)

    def _apply_binomial(self, node: Apply) -> Any:
        top, bottom = (self.number(each) for each in node.arguments)
        for value in (top, bottom):
            if value.is_Number and not (value.is_Integer and 0 <= value <= _LARGEST_FACTORIAL):
                raise QueryError(f"a binomial is of whole numbers from 0 to {_LARGEST_FACTORIAL}")
        return sympy.binomial(top, bottom)

    def _apply_integers(self, node: Apply) -> Any:
        values = [self.number(each) for each in node.arguments]
        if not all(value.is_Integer for value in values):
            raise QueryError(f"{node.operator} is of whole numbers")
        if node.operator == "mod" and values[1] == 0:
            raise QueryError("a modulus of zero")
        functions = {"gcd": sympy.igcd, "lcm": sympy.ilcm, "mod": lambda left, right: left % right}
        return sympy.Integer(functions[node.operator](*values))

    def _apply_diff(self, node: Apply) -> Any:
        variable = node.arguments[1]
        if not isinstance(variable, Name) or variable.text in _CONSTANTS:
            raise QueryError("the second argument of diff is its variable")
        times = self.number(node.arguments[2]) if len(node.arguments) > 2 else sympy.Integer(1)
        if not (times.is_Integer and 1 <= times <= 20):
            raise QueryError("derivatives are taken 1 to 20 times")
        found = sympy.diff(
            self._scoped(variable.text, node.arguments[0]), real_symbol(variable.text, {}), times
        )
        return self._unbound(found, variable.text)

    def _apply_integrate(self, node: Apply) -> Any:
        name = _variable(node)
        variable = real_symbol(name, {})
        body = self._scoped(name, node.arguments[0])
        if len(node.arguments) == 2:
            # Kept as it is: a claim about an antiderivative is decided by its derivative
            return sympy.Integral(self._unbound(body, name), self._name(name))
        if len(node.arguments) == 3:
            raise QueryError("integrate takes a variable, or a variable and two limits")
        first, last = (self.number(each) for each in node.arguments[2:])
        found = sympy.integrate(body, (variable, first, last))
        if found.has(sympy.Integral):
            raise QueryError("the integral is not found")
        return found

    def _apply_limit(self, node: Apply) -> Any:
        name = _variable(node)
        body, point = self._scoped(name, node.arguments[0]), self.number(node.arguments[2])
        side = (
            node.arguments[3].text
            if len(node.arguments) > 3 and isinstance(node.arguments[3], Name)
            else "+-"
        )
        if side not in ("+", "-", "+-"):
            raise QueryError("a one-sided limit is written limit(f, x, a, +)")
        if point in (S.Infinity, S.NegativeInfinity):
            side = "+" if point == S.NegativeInfinity else "-"
        try:
            found = sympy.limit(body, real_symbol(name, {}), point, side)
        except ValueError:
            raise QueryError("the limits from both sides differ") from None
        if found.has(sympy.Limit, sympy.AccumBounds, S.ComplexInfinity):
            raise QueryError("the limit is not found, or differs from both sides")
        return found

    def _apply_series(self, node: Apply) -> Any:
        name = _variable(node)
        body = self._scoped(name, node.arguments[0])
        first, last = (self.number(each) for each in node.arguments[2:])
        if first.is_Integer and last.is_Integer and last - first > _LONGEST_SUM:
            raise QueryError(f"a sum or product has more than {_LONGEST_SUM} terms")
        kind = sympy.Sum if node.operator == "sum" else sympy.Product
        found = kind(body, (sympy.Symbol(name, real=True), first, last)).doit()
        if found.has(sympy.Sum, sympy.Product):
            raise QueryError("the sum or product is not found")
        return found

    def _unbound(self, value: Any, name: str) -> Any:
        return value.subs(real_symbol(name, {}), self._name(name))

    # Sets.

    def _apply_set(self, node: Apply) -> Any:
        return sympy.FiniteSet(*(self._element(each) for each in node.arguments))

    def _element(self, node: Expression) -> Any:
        if isinstance(node, Apply) and node.operator == "()":
            return sympy.Tuple(*(self.number(each) for each in node.arguments))
        return self.number(node)

    def _apply_interval(self, node: Apply) -> Any:
        if len(node.arguments) != 2:
            raise QueryError("an interval has two ends")
        first, last = (self.number(each) for each in node.arguments)
        if first.free_symbols or last.free_symbols or not (first <= last) == S.true:
            raise QueryError("an interval runs from a smaller number to a larger one")
        left_open, right_open = node.operator[0] == "(", node.operator[1] == ")"
        return sympy.Interval(first, last, left_open or first.is_infinite, right_open or last.is_infinite)

    def _apply_join(self, node: Apply) -> Any:
        left, right = (self.of(each) for each in node.arguments)
        if not isinstance(left, sympy.Set) or not isinstance(right, sympy.Set):
            raise QueryError(f"{node.operator} is of two sets")
        return sympy.Union(left, right) if node.operator == "union" else sympy.Intersection(left, right)

    def _apply_solve(self, node: Apply) -> Any:
        *asked, names = node.arguments
        assert isinstance(names, Apply)
        variables = [self._name(each.text) for each in names.arguments if isinstance(each, Name)]
        if not all(isinstance(each, sympy.Symbol) for each in variables):
            raise QueryError("what is solved for is a variable")
        relations = [self.of(each) for each in asked]
        if S.false in relations:
            return S.EmptySet
        relations = [each for each in relations if each != S.true]
        if {symbol for each in relations for symbol in each.free_symbols} - set(variables):
            raise QueryError("there are more variables than solve is for")
        if len(variables) == 1:
            found: Any = S.Reals
            for relation in relations:
                found = found.intersect(sympy.solveset(relation, variables[0], S.Reals))
            return found
        if not all(isinstance(each, sympy.Eq) for each in relations):
            raise QueryError("several variables are solved for by equations")
        rows = sympy.solve(relations, variables, dict=True)
        if len(rows) > _MOST_SOLUTIONS or any(set(row) != set(variables) for row in rows):
            raise QueryError("the solutions are no finite list")
        points = [sympy.Tuple(*(row[each] for each in variables)) for row in rows]
        return sympy.FiniteSet(*(point for point in points if all(each.is_real for each in point)))


def _variable(node: Apply) -> str:
    variable = node.arguments[1]
    assert isinstance(variable, Name), "the parser sees to it"
    if variable.text in ("pi", "oo", "e"):
        raise QueryError(f"{variable.text} is no variable")
    return variable.text


_METHODS = {
    "/": "quotient", "^": "power", "sqrt": "root", "root": "root", "exp": "exp", "log": "log",
    "factorial": "factorial", "binomial": "binomial", "gcd": "integers", "lcm": "integers", "mod": "integers",
    "diff": "diff", "integrate": "integrate", "limit": "limit", "sum": "series", "product": "series",
    "set": "set", "()": "interval", "[]": "interval", "(]": "interval", "[)": "interval",
    "union": "join", "intersection": "join", "solve": "solve",
}  # fmt: skip
