"""A ledger problem told in the other skin's words: the same program, and lines that go over and back exactly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from omega_fast.errors import InputError
from omega_fast.tasks.ledger.program import LedgerProblem, Statement, needed_registers
from omega_fast.tasks.ledger.text import parse, render
from omega_fast.tasks.ledger.vocabulary import PLAIN_ASIDES, PLAIN_REGISTERS

__all__ = ["PlainTelling", "plain_telling"]


@dataclass(frozen=True, slots=True)
class PlainTelling:
    """A problem in the plain skin, whatever it was told in.

    Attributes:
        text: The problem.
        names: Its registers by the names of the first telling.
    """

    text: str
    names: Mapping[str, str]

    def there(self, line: str) -> str:
        """A line of a solution, in the plain words."""
        return _renamed(line, self.names)

    def back(self, line: str) -> str:
        """A plain line in the words of the first telling; names that are none of the problem's stay."""
        return _renamed(line, {plain: name for name, plain in self.names.items()})


def plain_telling(problem_text: str) -> PlainTelling:
    """The problem as it would read in the plain skin; a plain one as it stands.

    Registers that matter become `x`, `y`, `z`, `w` in their order, others `u`, `v`.

    >>> told = plain_telling("ann has 9 pens . bob has 1 pens . a bob finds 8 pens . b ann loses as many as bob . ?")
    >>> told.text
    'x is 9 . y is 1 . a y add 8 . b x take y . ?'
    >>> told.back("a y 1 + 8 = 9"), told.there("a bob 1 + 8 = 9")
    ('a bob 1 + 8 = 9', 'a y 1 + 8 = 9')

    Raises:
        InputError: The text is no ledger problem, or has more registers than the plain skin has names.
    """
    problem = parse(problem_text)
    if not problem.noun:
        return PlainTelling(problem_text.removesuffix("\n"), {})
    needed = needed_registers(problem)
    others = [each for each in problem.initial if each not in needed]
    if len(needed) > len(PLAIN_REGISTERS) or len(others) > len(PLAIN_ASIDES):
        raise InputError(
            f"the plain skin has no names for the registers {', '.join(problem.initial)}",
            hint=f"use at most {len(PLAIN_REGISTERS)} that matter and {len(PLAIN_ASIDES)} that do not",
        )
    names = dict(zip([*needed, *others], [*PLAIN_REGISTERS[: len(needed)], *PLAIN_ASIDES], strict=False))
    return PlainTelling(render(_told(problem, names)), names)


def _told(problem: LedgerProblem, names: Mapping[str, str]) -> LedgerProblem:
    def renamed(statement: Statement) -> Statement:
        operand = statement.operand
        return replace(
            statement,
            register=names[statement.register],
            operand=names[operand] if isinstance(operand, str) else operand,
        )

    initial = {names[register]: value for register, value in problem.initial.items()}
    return LedgerProblem(initial, tuple(map(renamed, problem.statements)), problem.modulus)


def _renamed(line: str, names: Mapping[str, str]) -> str:
    """A line with another name in its second place, where a line has its register."""
    tag, blank, rest = line.partition(" ")
    register, _, after = rest.partition(" ")
    if tag in ("", "answer") or register not in names:
        return line
    return f"{tag}{blank}{names[register]}{line[len(tag) + 1 + len(register) :]}" if after else line
