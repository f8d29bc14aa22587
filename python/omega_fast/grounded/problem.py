"""What is searched: a root with its gold answer, the steps of a solution, and whether the last of them is right."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from omega_fast.errors import InputError
from omega_fast.store.formats.fields import text, texts
from omega_fast.store.formats.files import read_rows
from omega_fast.tasks.ledger import parse
from omega_fast.verifiers.extract import extract_answer

__all__ = ["Problem", "Step", "read_problems", "seed_of"]

_UNKNOWN_LEVEL = 5
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a solution.

    Attributes:
        objective: What it is for; may be empty.
        action: What it does.
        answer: The final answer, if it is the last step.
    """

    objective: str
    action: str
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """A root as the search takes it.

    Attributes:
        name: Of its tree's file, without suffix.
        question: The problem's text.
        conditions: What is given.
        objective: What is asked for.
        level: How hard it is; 5 where nothing says so.
        answer: The gold answer.
        solution: The reference solution; empty if there is none but the answer.
    """

    name: str
    question: str
    conditions: tuple[str, ...]
    objective: str
    level: int
    answer: str
    solution: str = ""

    @property
    def is_ledger(self) -> bool:
        """Whether it is one of the embedded task."""
        try:
            parse(self.question)
        except InputError:
            return False
        return True


def read_problems(path: Path) -> list[Problem]:
    """The roots of a file, `root.json`.

    Raises:
        InputError: At a row that is none, or without a final answer, or at a second one of the same name.
        StoreError: If the file cannot be read.
    """
    found: dict[str, Problem] = {}
    for place, row in read_rows(path):
        try:
            problem = _problem(row)
        except (KeyError, TypeError, ValueError) as error:
            said = f"lacks {error.args[0]}" if isinstance(error, KeyError) else str(error)
            raise InputError(
                f"{place} is no root: {said}", hint="make roots with `omega grounded root`"
            ) from error
        if problem.name in found:
            raise InputError(f"{place} is a second root named {problem.name}", hint="give each its own path")
        found[problem.name] = problem
    return list(found.values())


def _problem(row: Mapping[str, Any]) -> Problem:
    solution = text(row, "solution")
    answer = extract_answer(solution)
    if answer is None:
        raise ValueError("its solution marks no final answer")
    digits = _DIGITS.search(str(row.get("level", "")))
    name = text(row, "path").removesuffix(".json")
    if not name or "/" in name or name.startswith("."):
        raise ValueError("its path is no plain file name")
    return Problem(
        name,
        text(row, "question"),
        texts(row, "conditions"),
        text(row, "global_objective"),
        int(digits[0]) if digits else _UNKNOWN_LEVEL,
        answer,
        solution,
    )


def seed_of(seed: int, problem: Problem, steps: Sequence[Step], purpose: str) -> int:
    """The seed of one call, by what it is for: it does not depend on what else is running."""
    digest = blake2b(digest_size=7)
    for part in (str(seed), problem.name, purpose, *(f"{each.objective}\n{each.action}" for each in steps)):
        digest.update(part.encode("utf-8", "surrogatepass") + b"\0")
    return int.from_bytes(digest.digest())
