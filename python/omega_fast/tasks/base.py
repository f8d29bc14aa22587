"""What every question reader has in common: drafts, faults, and the checks that each field passes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from omega_fast.records import Question, Solution

__all__ = [
    "Draft",
    "Fault",
    "Limits",
    "Quarantine",
    "RecordError",
    "TaskReader",
    "optional_text",
    "required_text",
]


@dataclass(frozen=True, slots=True)
class Fault:
    """A record that was not read: the file, the line or list position (from 1), and why."""

    path: Path
    line: int
    reason: str


class Quarantine(Protocol):
    """Takes the records that cannot be read; the rest of the file is read on."""

    def __call__(self, fault: Fault, /) -> None:
        """Note the fault; must not raise."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """How long, in characters, a problem, solution or answer and an id may be."""

    text_chars: int = 100_000
    id_chars: int = 512


class RecordError(Exception):
    """One record cannot be read; the message says why, for the quarantine."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A question as its record gives it: `Question` but for the id, which may still be missing."""

    id: str | None
    problem: str
    answer: str | None
    solutions: tuple[Solution, ...] = ()
    meta: Mapping[str, Any] | None = None

    def question(self, identifier: str) -> Question:
        """The question under its final id."""
        return Question(identifier, self.problem, self.answer, self.solutions, self.meta or {})


class TaskReader(Protocol):
    """One format of question files."""

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Whether a record, seen first in its file, is of this format."""
        ...

    def draft(self, record: Mapping[str, Any], limits: Limits) -> Draft:
        """The question of a record. Raises `RecordError` where a field is missing or unusable."""
        ...


def required_text(record: Mapping[str, Any], names: tuple[str, ...], limits: Limits) -> str:
    """The first of these fields that the record has, as text that is not blank. Raises `RecordError`."""
    text = optional_text(record, names, limits)
    if text is None:
        raise RecordError(f"no {' or '.join(names)}")
    return text


def optional_text(record: Mapping[str, Any], names: tuple[str, ...], limits: Limits) -> str | None:
    """The first of these fields that is there and not null; numbers become text. Raises `RecordError`."""
    for name in names:
        value = record.get(name)
        if value is not None:
            return _text(name, value, limits)
    return None


def _text(name: str, value: object, limits: Limits) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise RecordError(f"{name} is {type(value).__name__}, not text")
    if isinstance(value, float):
        if not math.isfinite(value):
            raise RecordError(f"{name} is {value}")
        value = int(value) if value.is_integer() else value
    text = value if isinstance(value, str) else str(value)
    if not text.strip():
        raise RecordError(f"{name} is empty")
    if text.strip().casefold() == "nan":
        raise RecordError(f"{name} is nan")
    if len(text) > limits.text_chars:
        raise RecordError(f"{name} has {len(text)} characters, more than {limits.text_chars}")
    if "\0" in text:
        raise RecordError(f"{name} holds a NUL character")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise RecordError(f"{name} holds half a surrogate pair")
    return text
