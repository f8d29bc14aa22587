"""Wrong solutions made from right ones, by errors of named kinds at a known step."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from omega_fast.errors import InputError
from omega_fast.tasks.ledger.draws import stream
from omega_fast.tasks.ledger.program import LedgerProblem
from omega_fast.tasks.ledger.text import render
from omega_fast.tasks.ledger.truth import first_error
from omega_fast.tasks.ledger.working import Working

__all__ = ["Corruption", "CorruptionKind", "corrupt"]


class CorruptionKind(StrEnum):
    """What goes wrong: one number or sign of a line, a statement before its time, or an answer too soon."""

    OPERAND = "wrong_operand"
    OPERATOR = "wrong_operator"
    RESULT = "wrong_result"
    ORDER = "wrong_order"
    EARLY_STOP = "early_stop"


@dataclass(frozen=True, slots=True)
class Corruption:
    """A solution with one planted error. `first_error` of `steps` is `index`, exactly.

    Attributes:
        steps: All lines, each ended by a newline. Those after the error follow from what it wrote.
        index: Position of the planted error.
    """

    steps: tuple[str, ...]
    index: int


def corrupt(problem: LedgerProblem, steps: Sequence[str], kind: CorruptionKind, seed: int) -> Corruption:
    """`steps` with an error of `kind` at a place drawn by `seed`; equal arguments give equal corruptions.

    Args:
        problem: The problem.
        steps: A wholly right solution of it.
        kind: What goes wrong.
        seed: Draws the place and the wrong value.

    Raises:
        InputError: `steps` is not wholly right, or the problem has no place for an error of this kind.
    """
    if first_error(render(problem), steps) != -1:
        raise InputError("ledger: the solution to corrupt is not right", hint="pass a whole right solution")
    order = _order(problem, steps)
    rng = stream("corrupt", kind, seed)
    places = [i for i in range(len(order)) if kind != CorruptionKind.ORDER or _too_soon(problem, order, i)]
    if not places:
        raise InputError(
            f"ledger: no place for {kind} in {render(problem)!r}",
            hint="choose another kind or a longer problem",
        )
    index = rng.choice(places)
    page = Working(problem)
    lines = [page.write(position) for position in order[:index]]
    rest = order[index:]
    if kind == CorruptionKind.EARLY_STOP:
        rest = []
    elif kind == CorruptionKind.ORDER:
        rest.insert(0, rest.pop(rest.index(rng.choice(_too_soon(problem, order, index)))))
    else:
        lines.append(_WRONG_LINES[kind](page, rest.pop(0), rng))
    lines += [page.write(position) for position in rest]
    return Corruption((*lines, page.write_answer()), index)


def _order(problem: LedgerProblem, steps: Sequence[str]) -> list[int]:
    """The statements in the order the lines take them."""
    position = {statement.tag: i for i, statement in enumerate(Working(problem).statements)}
    return [position[step[0]] for step in steps[:-1]]


def _too_soon(problem: LedgerProblem, order: Sequence[int], index: int) -> list[int]:
    """The statements that are not yet ready when the first `index` of `order` are done."""
    page = Working(problem)
    for position in order[:index]:
        page.skip(position)
    return sorted(page.todo.difference(page.ready()))


def _wrong_operand(page: Working, position: int, rng: random.Random) -> str:
    right = page.operand(position)
    return page.write(position, operand=rng.choice([c for c in range(10) if c != right]))


def _wrong_operator(page: Working, position: int, rng: random.Random) -> str:
    return page.write(position, operator=rng.choice("+-*".replace(page.statements[position].operator, "")))


def _wrong_result(page: Working, position: int, rng: random.Random) -> str:
    right = page.result(position)
    return page.write(position, result=rng.choice([v for v in range(page.modulus) if v != right]))


_WRONG_LINES: dict[CorruptionKind, Callable[[Working, int, random.Random], str]] = {
    CorruptionKind.OPERAND: _wrong_operand,
    CorruptionKind.OPERATOR: _wrong_operator,
    CorruptionKind.RESULT: _wrong_result,
}
