"""Steps known to be right or wrong: of a reference solution, and of copies of it with one number changed."""

from __future__ import annotations

import ast
import operator
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from omega_fast.errors import InputError
from omega_fast.grounded.problem import Problem, Step
from omega_fast.tasks.ledger import CorruptionKind, corrupt, parse, right_next_steps

__all__ = ["known_step"]

_LONGEST = 200
_LONGEST_SOLUTION = 20_000
_LOOKED_BACK = 40
_OBJECTIVE = "Work out what comes next."
_ANNOTATION = re.compile(r"<<[^<>]*>>")
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z$\\])")
_BOX = re.compile(r"\\(?:boxed|fbox)\{(-?\d+(?:\.\d+)?)\}")
_EQUATION = re.compile(
    r"(?P<left>[\d(](?:[\d.()+\-*/$ \u00d7\u00f7]|\\times|\\cdot|\\div){0,80}[\d)])"
    r"\$?\s*=\s*\$?(?P<right>\d+(?:\.\d+)?)"
)
_NUMBER = re.compile(r"\d+(?:\.\d+)?|\.\d+")
_SIGNS = {"\\times": "*", "\\cdot": "*", "\u00d7": "*", "\\div": "/", "\u00f7": "/", "$": ""}
# What stands there belongs to the equation's side, so that the side as it was read says something else
_GOES_ON_BEFORE = re.compile(r"(?:[-+*/^_<>.,\d}\u00d7\u00f7]|\\[a-zA-Z]+)[ $({]*$")
_GOES_ON_BEHIND = re.compile(r"[\w.,]*\d|[a-zA-Z]|[ $)]*(?:[-+*/^!(%°{]|\\[a-zA-Z])")
_OPERATORS: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_KINDS = tuple(CorruptionKind)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a step holds a number whose change makes it wrong for certain."""

    step: int
    start: int
    end: int


def known_step(problem: Problem, rng: random.Random, *, right: bool) -> tuple[Step, ...] | None:
    """Steps of which the last is right, or wrong, for certain, and those before it are right.

    A ledger problem's are drawn from all right solutions, wrong ones with an error of one of the task's kinds. Of a
    reference solution it is a step with an equation of plain arithmetic that holds exactly, or with the gold answer in
    its box; in the wrong copy one digit of the result is another. Right and wrong ones are drawn alike.

    Returns:
        `None` if the problem's reference solution has no such step.
    """
    if problem.is_ledger:
        return _ledger(problem, rng, right=right)
    steps = _steps(problem.solution)
    places = [
        _Place(number, *span)
        for number, step in enumerate(steps)
        for span in _spans(step, ends=number + 1 == len(steps))
    ]
    if not places:
        return None
    place = rng.choice(places)
    text = steps[place.step]
    changed = _changed(text[place.start : place.end], rng)
    last = text if right else text[: place.start] + changed + text[place.end :]
    done = [Step(_OBJECTIVE, each) for each in steps[: place.step]]
    box = _BOX.search(last) if place.step + 1 == len(steps) else None
    return (*done, Step(_OBJECTIVE, last, box[1] if box else None))


def _ledger(problem: Problem, rng: random.Random, *, right: bool) -> tuple[Step, ...]:
    lines: list[str] = []
    while not lines or not lines[-1].startswith("answer "):
        lines.append(rng.choice(right_next_steps(problem.question, lines)))
    end = rng.randint(1, len(lines))
    if not right:
        lines, end = _corrupted(problem, lines, rng)
    texts = [line.removesuffix("\n") for line in lines[:end]]
    return tuple(
        Step("", text, text.removeprefix("answer ") if text.startswith("answer ") else None) for text in texts
    )


def _corrupted(problem: Problem, lines: list[str], rng: random.Random) -> tuple[list[str], int]:
    for kind in rng.sample(_KINDS, len(_KINDS)):
        try:
            found = corrupt(parse(problem.question), lines, kind, rng.randrange(1 << 30))
        except InputError:  # no statement of it comes before its time
            continue
        return list(found.steps), found.index + 1
    raise AssertionError("a result can always be wrong")


def _steps(solution: str) -> list[str]:
    """A worked solution by lines, or by sentences if it is one paragraph; nothing if it is an answer alone."""
    text = _ANNOTATION.sub("", solution).strip()
    if len(solution) > _LONGEST_SOLUTION or _BOX.fullmatch(text):
        return []
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    if lines and lines[-1].startswith("####"):
        lines.pop()
        text = "\n".join(lines)
    if len(lines) > 1:
        return lines
    steps: list[str] = []
    for part in _SENTENCE.split(text):
        # A sentence may seem to end inside of a formula
        if steps and steps[-1].count("$") % 2:
            steps[-1] += f" {part}"
        elif part.strip():
            steps.append(part)
    return steps


def _spans(step: str, *, ends: bool) -> list[tuple[int, int]]:
    """Where the results of equations stand that hold, and the answer in the box of the last step."""
    found = []
    for equation in _EQUATION.finditer(step):
        at = equation.start()
        before, behind = step[max(0, at - _LOOKED_BACK) : at], step[equation.end() :]
        if _GOES_ON_BEFORE.search(before) or _GOES_ON_BEHIND.match(behind):
            continue
        if _value(equation["left"]) == Fraction(equation["right"]):
            found.append(equation.span("right"))
    box = _BOX.search(step) if ends else None
    if box is not None:
        found.append(box.span(1))
    return found


def _changed(number: str, rng: random.Random) -> str:
    places = [at for at, sign in enumerate(number) if sign.isdigit()]
    at = rng.choice(places)
    others = [each for each in "123456789" if each != number[at]]
    return number[:at] + rng.choice(others) + number[at + 1 :]


def _value(side: str) -> Fraction | None:
    """The exact value of plain arithmetic; `None` if it is none."""
    for sign, plain in _SIGNS.items():
        side = side.replace(sign, plain)
    if len(side) > _LONGEST or not any(each in "+-*/" for each in side):
        return None
    try:
        # Numbers as texts, so that they stay exact
        return _exact(ast.parse(_NUMBER.sub(r"'\g<0>'", side).strip(), mode="eval").body)
    except (ValueError, SyntaxError, ZeroDivisionError, KeyError, RecursionError, MemoryError):
        return None


def _exact(node: ast.expr) -> Fraction:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return Fraction(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_exact(node.operand)
    if isinstance(node, ast.BinOp):
        return _OPERATORS[type(node.op)](_exact(node.left), _exact(node.right))
    raise ValueError(ast.dump(node))
