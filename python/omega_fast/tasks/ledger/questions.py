"""Ledger problems as questions of a run, in splits that share no program."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from itertools import count, islice
from typing import Literal

from omega_fast.errors import ConfigError
from omega_fast.records import Question
from omega_fast.tasks.ledger.generator import LedgerConfig, generate
from omega_fast.tasks.ledger.program import LedgerProblem, needed_statements
from omega_fast.tasks.ledger.text import render
from omega_fast.tasks.ledger.truth import gold_answer

__all__ = ["Split", "problems", "questions", "split_of"]

Split = Literal["train", "validation", "test", "long"]

_HELD_OUT_LENGTHS = 2
_PATIENCE = 2000
"""Draws in a row without a problem of the split, or without a new one, that end the search."""


def split_of(problem: LedgerProblem) -> Split:
    """The split its text's hash puts a problem of ordinary length in: 8 parts train, 1 validation, 1 test."""
    part = int(_digest(render(problem)), 16) % 10
    return "train" if part < 8 else "validation" if part == 8 else "test"


def problems(config: LedgerConfig, seed: int, split: Split) -> Iterator[LedgerProblem]:
    """The endless stream of problems of one split, repetitions left in.

    `long` holds the two lengths after the longest that `config` allows; they are in no other split.

    Raises:
        ConfigError: The configuration allows so few problems that the split has none.
    """
    if split == "long":
        longest = config.operations[1]
        config = replace(config, operations=(longest + 1, longest + _HELD_OUT_LENGTHS))
    misses = 0
    for index in count():
        problem = generate(config, seed, index)
        if split in ("long", split_of(problem)):
            misses = 0
            yield problem
        elif (misses := misses + 1) > _PATIENCE:
            raise _too_few(config, split, 0)


def questions(config: LedgerConfig, n: int, seed: int, split: Split) -> Iterator[Question]:
    """The first `n` different problems of a split, as questions.

    The id is `ledger-` and 12 hexadecimal digits of the text's hash; `answer` is what stands after `answer`
    in a right solution; `meta` holds `operations`, the needed statements with a number as operand, `lines`,
    the length of a right solution, and `split`.

    Raises:
        ConfigError: The configuration allows fewer than `n` different problems in the split.
    """
    return islice(_distinct(config, seed, split), n)


def _distinct(config: LedgerConfig, seed: int, split: Split) -> Iterator[Question]:
    seen: set[str] = set()
    repeats = 0
    for problem in problems(config, seed, split):
        text = render(problem)
        if text in seen:
            if (repeats := repeats + 1) > _PATIENCE:
                raise _too_few(config, split, len(seen))
        else:
            repeats = 0
            seen.add(text)
            needed = needed_statements(problem)
            numeric = sum(isinstance(statement.operand, int) for statement in needed)
            yield Question(
                id=f"ledger-{_digest(text)}",
                problem=text,
                answer=gold_answer(text),
                meta={"operations": numeric, "lines": len(needed) + 1, "split": split},
            )


def _too_few(config: LedgerConfig, split: Split, found: int) -> ConfigError:
    return ConfigError(
        f"ledger: {found} different problems in the {split} split of {config}",
        hint="allow more operations, more registers or a larger modulus",
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
