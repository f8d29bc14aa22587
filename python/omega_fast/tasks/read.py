"""Questions from a file: the first record tells the format, bad records are set aside, the rest is read."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from omega_fast.errors import ConfigError, InputError
from omega_fast.records import Question
from omega_fast.tasks.base import Draft, Fault, Limits, Quarantine, RecordError, TaskReader
from omega_fast.tasks.gsm8k import Gsm8kReader, Gsm8kSolutionsReader
from omega_fast.tasks.jsonl import JsonlReader
from omega_fast.tasks.math500 import Math500Reader
from omega_fast.tasks.openr import OpenrReader
from omega_fast.tasks.records import read_records
from omega_fast.wording import counted

__all__ = ["FORMATS", "read_questions", "stable_id"]

# Order matters for detection: the general format matches whatever has a problem.
FORMATS: Mapping[str, TaskReader] = {
    "gsm8k-solutions": Gsm8kSolutionsReader(),
    "gsm8k": Gsm8kReader(),
    "math500": Math500Reader(),
    "openr": OpenrReader(),
    "jsonl": JsonlReader(),
    "jsonl-unanswered": JsonlReader(answer_required=False),
}


def read_questions(
    path: Path | str,
    format: str = "auto",  # noqa: A002 - the word every caller and the command line use
    *,
    quarantine: Quarantine,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> Iterator[Question]:
    """The questions of a file, in its order, each with an id that is unique in it.

    Args:
        path: JSON Lines or a JSON list.
        format: A key of `FORMATS`, or `auto`: the first that matches the first record that has any.
        quarantine: Called with every record that cannot be read.
        limits: How long texts and ids may be.

    Raises:
        ConfigError: There is no such format.
        InputError: The file cannot be read at all, or none of its records is of a known format.
    """
    path = Path(path)
    if format != "auto" and format not in FORMATS:
        raise ConfigError(
            f"unknown question format {format!r}", hint=f"use auto or one of {', '.join(FORMATS)}"
        )
    return _read(path, FORMATS.get(format), quarantine, limits)


def stable_id(problem: str, occurrence: int = 0) -> str:
    """An id made of the problem's text: `q-<12 hex digits>`, then `-2`, `-3`, ... where it comes again."""
    digest = hashlib.sha256(problem.encode()).hexdigest()[:12]
    return f"q-{digest}-{occurrence + 1}" if occurrence else f"q-{digest}"


def _read(
    path: Path, reader: TaskReader | None, quarantine: Quarantine, limits: Limits
) -> Iterator[Question]:
    seen: set[str] = set()
    occurrences: Counter[str] = Counter()
    strangers = 0
    for line, record in read_records(path, quarantine):
        reader = reader or next((known for known in FORMATS.values() if known.matches(record)), None)
        if reader is None:
            strangers += 1
            quarantine(Fault(path, line, "neither problem nor question"))
            continue
        try:
            draft = reader.draft(record, limits)
            identifier = _identifier(draft, occurrences, limits)
            if identifier in seen:
                raise RecordError(f"duplicate id {identifier[:80]!r}")
        except RecordError as error:
            quarantine(Fault(path, line, str(error)))
            continue
        seen.add(identifier)
        yield draft.question(identifier)
    if reader is None and strangers:
        raise InputError(
            f"{path}: of {counted(strangers, 'record')} none has a problem or question",
            hint="rename the fields, or name the format",
        )


def _identifier(draft: Draft, occurrences: Counter[str], limits: Limits) -> str:
    if draft.id is None:
        bare = stable_id(draft.problem)
        occurrences[bare] += 1
        return stable_id(draft.problem, occurrences[bare] - 1)
    if len(draft.id) > limits.id_chars:
        raise RecordError(f"id has {len(draft.id)} characters, more than {limits.id_chars}")
    return draft.id
