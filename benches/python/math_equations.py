"""Equations as they stand in worked solutions: GSM8K's annotations, and pairs of sides in the formulas of MATH."""

from __future__ import annotations

import ast
import operator
import random
import re
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise

__all__ = ["annotations", "corrupted", "equations", "exact"]

_ANNOTATION = re.compile(r"<<(.*?)>>")
_FORMULA = re.compile(
    r"\\begin\{(align|eqnarray|gather)\*?\}(?P<rows>.*?)\\end\{\1\*?\}"
    r"|\\\[(?P<shown>.*?)\\\]|\$\$(?P<double>.*?)\$\$|\$(?P<single>(?:\\\$|[^$])*)\$",
    re.DOTALL,
)
_ROW = re.compile(r"\\\\(?:\[[^\]]*\])?")
_BREAK = re.compile(
    r"\\(?:Rightarrow|implies|Longrightarrow|iff|Leftrightarrow|qquad|quad|tag\{.*?\})|,\s*\\?\s+|;"
)
_END = re.compile(r"[\s.,;:]+$")
_NUMBER = re.compile(r"\d+(?:\.\d+)?|\.\d+")
_SWAPS = {"+": "-", "-": "+", "*": "+", "/": "*"}
_OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
}


def annotations(solution: str) -> list[str]:
    """GSM8K's calculations, `a*b=c` between double angle brackets."""
    return _ANNOTATION.findall(solution)


def equations(solution: str) -> Iterator[str]:
    """Each pair of neighbouring sides of an equation in LaTeX; a row that begins with = goes on with the last."""
    for formula in _FORMULA.finditer(solution):
        text = next(each for each in formula.group("rows", "shown", "double", "single") if each is not None)
        last = ""
        for row in _ROW.split(text):
            for part in _BREAK.split(row.replace("&", " ")):
                sides = [_END.sub("", side.strip()) for side in _sides(part)]
                if len(sides) > 1 and not sides[0] and last:
                    sides[0] = last
                yield from (f"{left} = {right}" for left, right in pairwise(sides) if left and right)
                last = sides[-1]


def _sides(text: str) -> list[str]:
    """A text cut at the = signs that stand in no braces and belong to no other sign."""
    sides, depth, begun = [], 0, 0
    for at, sign in enumerate(text):
        depth += (sign == "{") - (sign == "}")
        if sign == "=" and depth == 0 and text[at - 1 : at] not in ("<", ">", "!", "="):
            sides.append(text[begun:at])
            begun = at + 1
    return [*sides, text[begun:]]


def exact(equation: str) -> bool | None:
    """Whether both sides of plain arithmetic are exactly equal, by rational numbers alone; `None` if it is none."""
    try:
        left, right = (_value(_parsed(side)) for side in equation.split("="))
    except (ValueError, SyntaxError, ZeroDivisionError, KeyError):
        return None
    return left == right


def _parsed(side: str) -> ast.expr:
    """The syntax of one side, its numbers as texts so that they stay exact."""
    return ast.parse(_NUMBER.sub(r"'\g<0>'", side).strip(), mode="eval").body


def _value(node: ast.expr) -> Fraction:
    if isinstance(node, ast.Constant):
        return Fraction(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        return _value(node.operand) * (-1 if isinstance(node.op, ast.USub) else 1)
    if isinstance(node, ast.BinOp):
        return Fraction(_OPERATORS[type(node.op)](_value(node.left), _value(node.right)))
    raise ValueError(ast.dump(node))


def corrupted(equation: str, rng: random.Random) -> Iterator[tuple[str, str]]:
    """Copies of an equation with one thing changed: a digit of the result, a digit on the left, a sign on the left."""
    left, _, right = equation.rpartition("=")
    if changed := _digit_changed(right, rng):
        yield "result", f"{left}={changed}"
    if changed := _digit_changed(left, rng):
        yield "operand", f"{changed}={right}"
    places = [
        at for at, sign in enumerate(left) if sign in _SWAPS and at > 0 and left[at - 1] not in "(+-*/^{"
    ]
    if places and "//" not in left:
        at = rng.choice(places)
        yield "operator", f"{left[:at]}{_SWAPS[left[at]]}{left[at + 1 :]}={right}"


def _digit_changed(side: str, rng: random.Random) -> str:
    places = [at for at, sign in enumerate(side) if sign.isdigit() and sign.isascii()]
    if not places:
        return ""
    at = rng.choice(places)
    other = rng.choice([digit for digit in "0123456789" if digit != side[at]])
    return side[:at] + other + side[at + 1 :]
