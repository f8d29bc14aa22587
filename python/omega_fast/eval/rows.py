"""The rows of step benchmarks as they are read: checked one by one, faults named by their place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omega_fast.store.formats import PROCESSBENCH, Place, RowFault
from omega_fast.store.formats.fields import listed, optional_text, text, texts
from omega_fast.store.formats.files import OnFault, read_rows

__all__ = ["ClassifiedRow", "LocatedRow", "read_prmbench", "read_processbench", "read_verdicts"]

_NUMBERED = re.compile(r"(.+)-\d+")


@dataclass(frozen=True, slots=True)
class LocatedRow:
    """A solution and its first wrong step.

    Attributes:
        place: Where it stands.
        id: Its name; the place where it has none.
        subset: The part of the benchmark: what stands before the number in its id, else the file's name.
        problem: The problem's text.
        steps: At least one; none is blank.
        label: The first wrong step from 0, or -1.
    """

    place: Place
    id: str
    subset: str
    problem: str
    steps: tuple[str, ...]
    label: int


@dataclass(frozen=True, slots=True)
class ClassifiedRow:
    """A solution with all its wrong steps, and the kind of error they are.

    Attributes:
        place: Where it stands.
        id: Its name; the place where it has none.
        classification: The kind of error.
        problem: The problem's text.
        steps: At least one; none is blank.
        error_steps: The wrong steps, from 1; each is one of `steps`.
    """

    place: Place
    id: str
    classification: str
    problem: str
    steps: tuple[str, ...]
    error_steps: tuple[int, ...]


def read_processbench(path: Path, on_fault: OnFault) -> Iterator[LocatedRow]:
    """The rows of a file in ProcessBench's format.

    Raises:
        InputError: The file is absent or not of the kind its suffix says.
        StoreError: It cannot be read.
    """
    for place, row in PROCESSBENCH.read_placed(path, on_fault):
        if reason := _unusable(row.steps):
            on_fault(RowFault(place, reason, {"id": row.question_id, "steps": list(row.steps)}))
            continue
        named = _NUMBERED.fullmatch(row.question_id or "")
        label = -1 if row.first_error is None else row.first_error
        yield LocatedRow(
            place,
            row.question_id or str(place),
            named[1] if named else path.stem,
            row.question,
            row.steps,
            label,
        )


def read_prmbench(path: Path, on_fault: OnFault) -> Iterator[ClassifiedRow]:
    """The rows of a file in PRMBench's format. Raises like `read_processbench`."""
    for place, row in read_rows(path, on_fault):
        try:
            yield _classified(place, row)
        except (KeyError, TypeError, ValueError) as error:
            reason = f"it lacks {error.args[0]!r}" if isinstance(error, KeyError) else str(error)
            on_fault(RowFault(place, f"is not in PRMBench's format: {reason}", row))


def read_verdicts(path: Path, on_fault: OnFault) -> Iterator[tuple[str, list[int | None]]]:
    """Ids with the verdicts of a model that writes them: `{"id", "verdicts": [2, -1, null]}` a row.

    Raises like `read_processbench`.
    """
    for place, row in read_rows(path, on_fault):
        try:
            verdicts = listed(row, "verdicts")
            if not all(each is None or type(each) is int for each in verdicts):
                raise TypeError("verdicts are steps from 0, -1 for none, null for unreadable")
            yield text(row, "id"), verdicts
        except (KeyError, TypeError) as error:
            reason = f"it lacks {error.args[0]!r}" if isinstance(error, KeyError) else str(error)
            on_fault(RowFault(place, f"holds no verdicts: {reason}", row))


def _classified(place: Place, row: Mapping[str, Any]) -> ClassifiedRow:
    problem = text(row, "modified_question" if "modified_question" in row else "question")
    steps = texts(row, "modified_process")
    if reason := _unusable(steps):
        raise ValueError(reason)
    errors = listed(row, "error_steps")
    for each in errors:
        if isinstance(each, bool) or not isinstance(each, int):
            raise TypeError(f"error step {each!r} is not an integer")
        if not 1 <= each <= len(steps):
            raise ValueError(f"error step {each} is none of its {len(steps)} steps, counted from 1")
    if not text(row, "classification").strip():
        raise ValueError("its classification is empty")
    name = optional_text(row, "idx") or str(place)
    return ClassifiedRow(place, name, row["classification"], problem, steps, tuple(errors))


def _unusable(steps: Sequence[str]) -> str:
    """Why steps cannot be scored; empty if they can."""
    if not steps:
        return "has no steps"
    blank = next((number for number, step in enumerate(steps, 1) if not step.strip()), None)
    return "" if blank is None else f"has a blank step: {blank}"
