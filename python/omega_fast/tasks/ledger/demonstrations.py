"""Solutions to learn from, in a random right order, that slip at known rates and fall into a known trap."""

from __future__ import annotations

import random
from dataclasses import dataclass

from omega_fast.tasks.ledger.program import LedgerProblem
from omega_fast.tasks.ledger.working import Working

__all__ = ["CLEAN", "SlipRates", "demonstrate", "trap_result"]

_OPERATORS = "+-*"


@dataclass(frozen=True, slots=True, kw_only=True)
class SlipRates:
    """How often a demonstration errs; what follows a slip is worked consistently from the wrong value.

    The first five are probabilities per line of independent slips, at most one a line. `late` in [0, 1] tilts
    them towards later lines: line i (from 0) has them times `1 - late + late * (i + 1) / 3`.

    Attributes:
        operator: Another operator is written and used.
        operand: Another number is written and used.
        skip: A statement with a number as operand is left out.
        random_result: The result is another value, each equally likely.
        off_by_one: The result is one too large or one too small.
        late: The tilt.
        trap: Probability of falling into the trap where `trap_result` gives one: the slip that a policy
            learns to share between its samples, so that a majority of them is wrong.
        trap_from: Position among the problem's statements from which there are traps.
    """

    operator: float = 0.01
    operand: float = 0.01
    skip: float = 0.005
    random_result: float = 0.015
    off_by_one: float = 0.015
    late: float = 1.0
    trap: float = 0.6
    trap_from: int = 2


CLEAN = SlipRates(operator=0, operand=0, skip=0, random_result=0, off_by_one=0, trap=0)


def trap_result(page: Working, position: int) -> int | None:
    """The tempting wrong result of a statement: the smaller taken from the larger, where `take c` has c >= 6.

    `None` where the statement is no such trap, or where the tempting result is the right one.
    """
    statement = page.statements[position]
    left, right = page.values[statement.register], page.operand(position)
    if statement.operator != "-" or right < 6 or left >= right:
        return None
    tempting = right - left
    return None if tempting == page.result(position) else tempting


def demonstrate(problem: LedgerProblem, rates: SlipRates, rng: random.Random) -> tuple[str, ...]:
    """The lines of one solution, each ended by a newline, its order drawn among the right ones."""
    page = Working(problem)
    lines: list[str] = []
    while page.todo:
        position = rng.choice(page.ready())
        slip = _slip(rates, len(lines), rng)
        join = isinstance(page.statements[position].operand, str)
        if slip == "skip" and not join:
            page.skip(position)
        elif slip == "operator":
            others = _OPERATORS.replace(page.statements[position].operator, "")
            lines.append(page.write(position, operator=rng.choice(others)))
        elif slip == "operand":
            right = page.operand(position)
            lines.append(page.write(position, operand=rng.choice([c for c in range(1, 10) if c != right])))
        else:
            lines.append(page.write(position, result=_result(page, position, slip, rates, rng)))
    return (*lines, page.write_answer())


def _slip(rates: SlipRates, line: int, rng: random.Random) -> str | None:
    tilt = 1 - rates.late + rates.late * (line + 1) / 3
    u = rng.random()
    for name in ("operator", "operand", "skip", "random_result", "off_by_one"):
        u -= tilt * getattr(rates, name)
        if u < 0:
            return name
    return None


def _result(page: Working, position: int, slip: str | None, rates: SlipRates, rng: random.Random) -> int:
    right = page.result(position)
    if slip == "random_result":
        return rng.choice([v for v in range(page.modulus) if v != right])
    if slip == "off_by_one":
        return (right + rng.choice((1, -1))) % page.modulus
    tempting = trap_result(page, position)
    if tempting is not None and position >= rates.trap_from and rng.random() < rates.trap:
        return tempting
    return right
