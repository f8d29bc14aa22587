"""Questions with N solutions each, sampled earlier: from JSON, JSON Lines, or a tar archive of such files.

Rows are of one of these shapes, `|` between names that mean the same:

* `{"problem|question|prompt", "responses": [{"text"}]}`, as shipped with ImplicitPRM (arXiv 2412.01981);
* `{"prompt|problem|question", "response", "idx"}`, one sample a row, those of a question together;
* what the readers of question files know: `solutions` beside a problem, GSM8K's file of four models' solutions.

The gold answer is the row's `answer|final_answer|reference|ground_truth|gold`, or comes from a question file. An
archive is read as it lies, nothing is extracted; a member whose name leads out of it, or that is no plain file, is
refused.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import IO, Any

import orjson

from omega_fast.errors import InputError
from omega_fast.records import Question, Solution
from omega_fast.store.files import naming_input
from omega_fast.store.formats.files import OnFault, Place, RowFault, read_rows
from omega_fast.store.formats.json_list import json_items
from omega_fast.tasks.base import Draft, Limits, RecordError, optional_text, required_text
from omega_fast.tasks.gsm8k import Gsm8kSolutionsReader
from omega_fast.tasks.jsonl import JsonlReader
from omega_fast.tasks.read import read_questions, stable_id

__all__ = ["SampledQuestion", "read_golds", "read_samples"]

_PROBLEM = ("problem", "question", "prompt", "Question")
_ANSWER = ("final_answer", "reference", "ground_truth", "gold", "answer")
_ID = ("id", "question_id", "unique_id", "idx")
_CORRECT = ("correct", "is_correct", "correctness")
_ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_MEMBERS = (".json", ".jsonl")
_GSM8K, _OWN = Gsm8kSolutionsReader(), JsonlReader(answer_required=False)


@dataclass(frozen=True, slots=True)
class SampledQuestion:
    """A question with its samples as `solutions`, and where it stands."""

    place: Place
    question: Question


def read_samples(path: Path, on_fault: OnFault) -> Iterator[SampledQuestion]:
    """The questions of a file or archive, in its order.

    Raises:
        InputError: The file is absent or of no known kind, or a member of an archive is refused.
        StoreError: It cannot be read.
    """
    rows = _archived(path, on_fault) if path.name.endswith(_ARCHIVES) else read_rows(path, on_fault)
    seen: dict[str, int] = {}
    for (_, _), group in groupby(rows, _belongs):
        placed = list(group)
        place, row = placed[0]
        try:
            draft = _draft(row) if "response" not in row else _gathered([each for _, each in placed])
            if not draft.solutions:
                raise RecordError("no samples")
        except RecordError as error:
            on_fault(RowFault(place, f"holds no samples of a question: {error}", row))
            continue
        name = draft.id or stable_id(draft.problem, seen.get(draft.problem, 0))
        seen[draft.problem] = seen.get(draft.problem, 0) + 1
        yield SampledQuestion(place, draft.question(name))


def read_golds(path: Path, on_fault: OnFault) -> Mapping[str, str]:
    """Gold answers by problem text, from a question file. Raises as `read_questions` does."""

    def refuse(fault: Any) -> None:
        on_fault(RowFault(Place(fault.path, fault.line, "line"), fault.reason, None))

    return {
        question.problem.strip(): question.answer
        for question in read_questions(path, quarantine=refuse)
        if question.answer is not None
    }


def _belongs(placed: tuple[Place, Mapping[str, Any]]) -> tuple[object, object]:
    """What rows of one sample each have in common if they are of one question; other rows stand alone."""
    place, row = placed
    if "response" not in row:
        return str(place), None
    return str(place.path), orjson.dumps(
        [row.get("idx"), *(row.get(name) for name in _PROBLEM)], default=repr
    )


def _draft(row: Mapping[str, Any]) -> Draft:
    if _GSM8K.matches(row):
        return _GSM8K.draft(row, Limits())
    if "responses" not in row:
        return _OWN.draft(row, Limits())
    responses = row["responses"]
    if not isinstance(responses, list):
        raise RecordError("responses is not a list")
    return replace(_asked(row), solutions=tuple(_sample(each, n) for n, each in enumerate(responses, 1)))


def _gathered(rows: list[Mapping[str, Any]]) -> Draft:
    samples = tuple(_sample({**row, "text": row["response"]}, n) for n, row in enumerate(rows, 1))
    return replace(_asked(rows[0]), solutions=samples)


def _asked(row: Mapping[str, Any]) -> Draft:
    limits = Limits()
    return Draft(
        optional_text(row, _ID, limits),
        required_text(row, _PROBLEM, limits),
        optional_text(row, _ANSWER, limits),
        meta={name: row[name] for name in ("operations", "split", "subset") if name in row},
    )


def _sample(item: object, number: int) -> Solution:
    record = {"text": item} if isinstance(item, str) else item
    if not isinstance(record, Mapping) or not isinstance(record.get("text"), str):
        raise RecordError(f"response {number} has no text")
    correct = next((record[name] for name in _CORRECT if record.get(name) is not None), None)
    if correct is not None and correct not in (0, 1):
        raise RecordError(f"response {number} is {correct!r}, neither right nor wrong")
    return Solution(record["text"], correct=None if correct is None else bool(correct))


def _archived(path: Path, on_fault: OnFault) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    with naming_input(path):
        try:
            with tarfile.open(path) as archive:
                for member in archive:
                    if member.isdir() or PurePosixPath(member.name).name.startswith("._"):
                        continue
                    file = _member(path, archive, member)
                    if file is not None:
                        yield from _rows_of(path / member.name, file, on_fault)
        except (tarfile.TarError, EOFError) as error:
            raise InputError(f"{path} is no whole archive: {error}", hint="fetch it again") from error


def _member(path: Path, archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes] | None:
    """A member's content; `None` for a file that holds no rows."""
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts or "\\" in member.name or not member.isreg():
        raise InputError(
            f"{path} holds {member.name!r}, which is no plain file inside of it",
            hint="make an archive of .json and .jsonl files alone",
        )
    return archive.extractfile(member) if name.suffix in _MEMBERS else None


def _rows_of(name: Path, file: IO[bytes], on_fault: OnFault) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    try:
        lines: Iterator[str | bytes] = iter(file) if name.suffix == ".jsonl" else json_items(file)
        unit = "line" if name.suffix == ".jsonl" else "row"
        for number, text in enumerate(lines, 1):
            place = Place(name, number, unit)
            if not text.strip():
                continue
            try:
                row = orjson.loads(text)
            except ValueError as error:
                on_fault(RowFault(place, f"is not JSON: {error}", text))
                continue
            if isinstance(row, dict):
                yield place, row
            else:
                on_fault(RowFault(place, "is not an object", row))
    except ValueError as error:
        raise InputError(f"{name} is not JSON: {error}", hint="check the archive") from error
