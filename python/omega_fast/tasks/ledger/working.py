"""The page a solver works on: the values as written so far, the statements still to do, and new lines."""

from __future__ import annotations

from typing import Self

from omega_fast.tasks.ledger.program import (
    LedgerProblem,
    Statement,
    apply,
    dependencies,
    needed_registers,
    needed_statements,
)

__all__ = ["Working"]


class Working:
    """A solution under way. Statements are named by their position among those the answer needs.

    Attributes:
        statements: The statements the answer needs, in the order of the text.
        modulus: The problem's.
        values: Each register's value as the solution has it, right or wrong.
    """

    __slots__ = ("_before", "_needed", "_todo", "modulus", "statements", "values")

    def __init__(self, problem: LedgerProblem) -> None:
        self.statements: tuple[Statement, ...] = needed_statements(problem)
        self.values: dict[str, int] = dict(problem.initial)
        self._needed = needed_registers(problem)
        self._before = dependencies(self.statements)
        self._todo = frozenset(range(len(self.statements)))
        self.modulus = problem.modulus

    def copy(self) -> Self:
        """An independent page in the same state."""
        twin = object.__new__(type(self))
        for name in self.__slots__:
            setattr(twin, name, getattr(self, name))
        twin.values = dict(self.values)
        return twin

    @property
    def todo(self) -> frozenset[int]:
        """The statements not yet carried out."""
        return self._todo

    def ready(self) -> list[int]:
        """The statements that may be carried out next, in the order of the text."""
        return [i for i in sorted(self._todo) if not self._before[i] & self._todo]

    def operand(self, position: int) -> int:
        """The number a statement's operand stands for at this point."""
        operand = self.statements[position].operand
        return self.values[operand] if isinstance(operand, str) else operand

    def result(self, position: int, *, operator: str | None = None, operand: int | None = None) -> int:
        """What a statement leaves in its register; its own operator and operand unless others are given."""
        statement = self.statements[position]
        right = self.operand(position) if operand is None else operand
        return apply(operator or statement.operator, self.values[statement.register], right, self.modulus)

    def skip(self, position: int) -> None:
        """Strike a statement from the list without carrying it out."""
        self._todo -= {position}

    def write(
        self,
        position: int,
        *,
        operator: str | None = None,
        operand: int | None = None,
        result: int | None = None,
    ) -> str:
        """Carry out a statement, ready or not, and return its line.

        What is given replaces the right operator, operand or result; later lines follow what was written.
        """
        statement = self.statements[position]
        left = self.values[statement.register]
        right = self.operand(position) if operand is None else operand
        value = self.result(position, operator=operator, operand=operand) if result is None else result
        self.values[statement.register] = value
        self.skip(position)
        operator = operator or statement.operator
        return f"{statement.tag} {statement.register} {left} {operator} {right} = {value}\n"

    def answer(self) -> str:
        """The answer as the values stand: those that matter, joined by blanks."""
        return " ".join(str(self.values[register]) for register in self._needed)

    def write_answer(self) -> str:
        """The answer's line."""
        return f"answer {self.answer()}\n"
