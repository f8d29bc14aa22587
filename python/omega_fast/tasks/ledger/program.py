"""A ledger problem as data: registers with starting values, and tagged statements that change them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["LedgerProblem", "Statement", "apply", "dependencies", "needed_registers", "needed_statements"]


@dataclass(frozen=True, slots=True)
class Statement:
    """One tagged instruction: change `register` by `operator` and `operand`, modulo the problem's modulus.

    Attributes:
        tag: One letter, unique within the problem; a solution names the statement by it.
        register: The register that is read and written.
        operator: One of `+`, `-`, `*`.
        operand: A number, or the name of another register, whose value at that time is meant.
    """

    tag: str
    register: str
    operator: str
    operand: int | str

    @property
    def reads(self) -> frozenset[str]:
        """The registers whose values it needs, its own among them."""
        return frozenset((self.register, self.operand) if isinstance(self.operand, str) else (self.register,))


@dataclass(frozen=True, slots=True)
class LedgerProblem:
    """A small program whose final register values are asked for.

    The first register is the sink. A register matters if it is the sink or if a statement on one that matters
    reads it; a right solution carries out every statement on the registers that matter, and no other.

    Attributes:
        initial: Starting value of each register, in the order of declaration.
        statements: In the order of the text, which is itself a right order.
        modulus: All values are kept modulo this number.
        noun: What is counted, in the story skin; empty in the plain one.
    """

    initial: Mapping[str, int]
    statements: tuple[Statement, ...]
    modulus: int = 10
    noun: str = ""


def apply(operator: str, left: int, right: int, modulus: int) -> int:
    """The value of `left operator right`, modulo `modulus`."""
    if operator == "+":
        return (left + right) % modulus
    return ((left - right) if operator == "-" else left * right) % modulus


def needed_registers(problem: LedgerProblem) -> tuple[str, ...]:
    """The registers that matter, in the order of declaration; the answer gives their values in this order."""
    needed = {next(iter(problem.initial))}
    while True:
        reached = needed.union(*(s.reads for s in problem.statements if s.register in needed))
        if reached == needed:
            return tuple(r for r in problem.initial if r in needed)
        needed = reached


def needed_statements(problem: LedgerProblem) -> tuple[Statement, ...]:
    """The statements on registers that matter, in the order of the text."""
    needed = needed_registers(problem)
    return tuple(s for s in problem.statements if s.register in needed)


def dependencies(statements: Sequence[Statement]) -> tuple[frozenset[int], ...]:
    """For each statement, the positions of the earlier ones that must be carried out before it.

    Two statements keep their order if one of them writes what the other reads or writes. The right orders are
    the linear extensions of this relation.
    """
    return tuple(
        frozenset(
            i
            for i, earlier in enumerate(statements[:j])
            if earlier.register in later.reads or later.register in earlier.reads
        )
        for j, later in enumerate(statements)
    )
