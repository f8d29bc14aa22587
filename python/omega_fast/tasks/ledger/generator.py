"""The generator of ledger problems: deterministic in (configuration, seed, index), with no luck built in."""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import pairwise
from math import gcd
from typing import Literal

from omega_fast.errors import ConfigError
from omega_fast.tasks.ledger.draws import stream
from omega_fast.tasks.ledger.program import LedgerProblem, Statement, dependencies
from omega_fast.tasks.ledger.vocabulary import NAMES, NOUNS, PLAIN_ASIDES, PLAIN_REGISTERS, TAGS
from omega_fast.tasks.ledger.working import Working

__all__ = ["LedgerConfig", "Skin", "generate", "is_strict"]

Skin = Literal["plain", "story"]
"""The words that problems are told in."""

_MOST_DRAWS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerConfig:
    """What problems are drawn.

    Attributes:
        operations: Fewest and most statements with a number as operand. The joins come on top, one for each
            register after the first, so a solution has `operations + registers` lines with the answer's.
        modulus: 3 to 99.
        registers: 1 to 4. Each has its own chain of statements; the chains are joined at the end.
        distractors: Statements on a register that does not matter.
        take_share: Probability that a statement that adds or takes, takes.
        skin: `plain` registers `x`, `y`, or a `story` of people and things.

    Raises:
        ConfigError: A value is out of its range.
    """

    operations: tuple[int, int] = (2, 6)
    modulus: int = 10
    registers: int = 2
    distractors: int = 0
    take_share: float = 0.6
    skin: Skin = "plain"

    def __post_init__(self) -> None:
        fewest, most = self.operations
        longest = len(TAGS) - self.registers + 1 - self.distractors
        for name, value, low, high in (
            ("modulus", self.modulus, 3, 99),
            ("registers", self.registers, 1, len(PLAIN_REGISTERS)),
            ("distractors", self.distractors, 0, 8),
            ("most operations", most, 1, longest),
            ("fewest operations", fewest, 1, most),
            ("take_share", self.take_share, 0, 1),
        ):
            if not low <= value <= high:
                raise ConfigError(f"ledger: {name} is {value}", hint=f"choose a value from {low} to {high}")


def generate(config: LedgerConfig, seed: int, index: int) -> LedgerProblem:
    """Problem number `index` of the stream that `seed` names; equal arguments give equal problems.

    Draws are repeated until the problem `is_strict`.

    Raises:
        ConfigError: No draw was strict, as with many operations and a small modulus.
    """
    rng = stream("ledger", config, seed, index)
    for _ in range(_MOST_DRAWS):
        problem = _draw(config, rng)
        if is_strict(problem):
            return problem
    raise ConfigError(
        f"ledger: no problem in {_MOST_DRAWS} draws whose wrong orders all change the answer, with {config}",
        hint="allow fewer operations or a larger modulus",
    )


def is_strict(problem: LedgerProblem) -> bool:
    """Whether no single slip of order or omission leads to the right answer.

    Every needed statement changes its register's value, and carrying one out just before a statement that it
    directly depends on, while all else keeps its order, changes the answer. Multipliers are coprime to the
    modulus in generated problems, so that a wrong value is never made right again by arithmetic alone.
    """
    page = Working(problem)
    for i, statement in enumerate(page.statements):
        value = page.values[statement.register]
        page.write(i)
        if page.values[statement.register] == value:
            return False
    right = page.answer()
    before = dependencies(page.statements)
    return all(
        _answer(problem, [*range(i), j, *(k for k in range(i, len(before)) if k != j)]) != right
        for j in range(len(before))
        for i in before[j].difference(*(before[k] for k in before[j]))
    )


def _answer(problem: LedgerProblem, order: list[int]) -> str:
    page = Working(problem)
    for i in order:
        page.write(i)
    return page.answer()


def _draw(config: LedgerConfig, rng: random.Random) -> LedgerProblem:
    registers, aside, noun = _names(config, rng)
    count = rng.randint(*config.operations)
    owners = [rng.choice(registers) for _ in range(count)]
    chains = {
        register: _chain(config, rng, owners.count(register), joined=register != registers[-1])
        for register in registers
    }
    body: list[tuple[str, str, int | str]] = [(register, *chains[register].pop()) for register in owners]
    body += [
        (left, "-" if rng.random() < config.take_share else "+", right)
        for left, right in reversed(list(pairwise(registers)))
    ]
    asides = _chain(config, rng, config.distractors, joined=False)
    for operator, operand in asides:
        body.insert(rng.randint(0, len(body)), (aside, operator, operand))
    declared = (*registers, aside) if config.distractors else registers
    return LedgerProblem(
        initial={register: rng.randrange(config.modulus) for register in declared},
        statements=tuple(Statement(tag, *words) for tag, words in zip(TAGS, body, strict=False)),
        modulus=config.modulus,
        noun=noun,
    )


def _names(config: LedgerConfig, rng: random.Random) -> tuple[tuple[str, ...], str, str]:
    if config.skin == "plain":
        return PLAIN_REGISTERS[: config.registers], rng.choice(PLAIN_ASIDES), ""
    *names, aside = rng.sample(NAMES, config.registers + 1)
    return tuple(names), aside, rng.choice(NOUNS)


def _chain(config: LedgerConfig, rng: random.Random, length: int, *, joined: bool) -> list[tuple[str, int]]:
    """Statements that add and multiply in turn, last first; a chain to be joined ends in `times`."""
    largest = min(9, config.modulus - 1)
    multipliers = [c for c in range(2, largest + 1) if gcd(c, config.modulus) == 1]
    times = joined or rng.random() < 0.5
    chain: list[tuple[str, int]] = []
    for _ in range(length):
        if times:
            chain.append(("*", rng.choice(multipliers)))
        else:
            chain.append(("-" if rng.random() < config.take_share else "+", rng.randint(1, largest)))
        times = not times
    return chain
