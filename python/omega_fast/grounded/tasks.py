"""The problems that roots are made of: MATH-style folders, question files of every known format, the embedded task."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omega_fast.errors import InputError
from omega_fast.records import Question
from omega_fast.store.files import safe_name
from omega_fast.tasks.base import Fault
from omega_fast.tasks.ledger import LedgerConfig, Skin, Split, questions, right_solutions
from omega_fast.tasks.read import read_questions
from omega_fast.verifiers.extract import extract_answer

__all__ = ["LEDGER", "Task", "read_tasks"]

LEDGER = "ledger"
"""The source that stands for the embedded task."""

_LONGEST = 100_000
_DEFAULT_LEDGER = 100
_HIGHEST_LEVEL = 5
_FIRST_PART = re.compile(r"(\d+)|(\D+)")


@dataclass(frozen=True, slots=True)
class Task:
    """A problem with its reference solution.

    Attributes:
        path: Its name among the roots, a plain file name; its tree is written under it.
        question: The problem's text.
        solution: A worked solution, or the gold answer in a box.
        level: How hard it is, such as `Level 3`; empty if nothing says so.
    """

    path: str
    question: str
    solution: str
    level: str


def read_tasks(
    source: str,
    quarantine: Callable[[Fault], None],
    *,
    most: int | None = None,
    split: Split = "train",
    skin: Skin = "plain",
    seed: int = 0,
) -> Iterator[Task]:
    """The problems of a source, in its order, each under a name of its own.

    Args:
        source: `ledger`, a folder with a JSON object a file, as MATH has it, or a question file.
        quarantine: Takes what cannot be used.
        most: Read this many files or rows at most; 100 problems of the embedded task unless given.
        split: Of the embedded task.
        skin: Of the embedded task.
        seed: Of the embedded task.

    Raises:
        InputError: The source is not there, or holds no problems at all.
    """
    if source == LEDGER:
        yield from _ledger(_DEFAULT_LEDGER if most is None else most, split, skin, seed)
        return
    path = Path(source)
    if not path.exists():
        raise InputError(f"{path} is not there", hint="give a folder, a question file, or 'ledger'")
    taken: set[str] = set()
    found = _in_folder(path, quarantine, most) if path.is_dir() else _in_file(path, quarantine, most)
    for task in found:
        if task.path in taken:
            quarantine(Fault(path, 0, f"a second problem is named {task.path}"))
        else:
            taken.add(task.path)
            yield task


def _ledger(most: int, split: Split, skin: Skin, seed: int) -> Iterator[Task]:
    for question in questions(LedgerConfig(skin=skin), most, seed, split):
        solution = "".join(next(right_solutions(question.problem)))
        # So that a solution fits into the depth that a search gives to its level
        level = min(_HIGHEST_LEVEL, max(1, int(question.meta["lines"]) - 2))
        yield Task(f"{question.id}.json", question.problem, solution, f"Level {level}")


def _in_folder(folder: Path, quarantine: Callable[[Fault], None], most: int | None) -> Iterator[Task]:
    files = sorted((path for path in folder.rglob("*.json") if path.is_file()), key=_natural)
    if not files:
        raise InputError(f"{folder} has no .json files", hint="give the folder with a problem in each file")
    for file in files[:most]:
        try:
            record = json.loads(file.read_bytes())
            if not isinstance(record, dict):
                raise ValueError(f"it holds a {type(record).__name__}, not an object")
            name = safe_name("_".join(file.relative_to(folder).parts))
            yield _of_math(name, record)
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            said = f"it lacks {error.args[0]}" if isinstance(error, KeyError) else str(error)
            quarantine(Fault(file, 1, said[:300]))


def _of_math(name: str, record: Mapping[str, Any]) -> Task:
    """A problem of MATH. Raises `KeyError`, `TypeError` or `ValueError`."""
    problem, solution = record["problem"], record["solution"]
    level = record.get("level", "")
    for field, text in (("problem", problem), ("solution", solution), ("level", level)):
        if not isinstance(text, str):
            raise TypeError(f"{field} is not text")
        if len(text) > _LONGEST:
            raise ValueError(f"{field} has {len(text)} characters, more than {_LONGEST}")
        text.encode()
    if not problem.strip():
        raise ValueError("problem is empty")
    if extract_answer(solution) is None:
        raise ValueError("the solution marks no final answer")
    return Task(name, problem, solution, level)


def _in_file(path: Path, quarantine: Callable[[Fault], None], most: int | None) -> Iterator[Task]:
    for number, question in enumerate(read_questions(path, quarantine=quarantine)):
        if most is not None and number >= most:
            return
        yield _of_question(question)


def _of_question(question: Question) -> Task:
    solution, level = question.meta.get("solution"), question.meta.get("level", "")
    if not isinstance(solution, str) or extract_answer(solution) is None:
        solution = rf"\boxed{{{question.answer}}}"
    name = safe_name(question.id.replace("/", "_").removesuffix(".json") + ".json")
    level = f"Level {level}" if isinstance(level, int) else level if isinstance(level, str) else ""
    return Task(name, question.problem, solution, level)


def _natural(path: Path) -> list[tuple[int, str]]:
    """So that `2.json` comes before `10.json`."""
    return [(int(digits or 0), text) for digits, text in _FIRST_PART.findall(str(path))]
