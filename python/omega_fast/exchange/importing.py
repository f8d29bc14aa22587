"""Labelled solutions as questions with supplied solutions, as `omega annotate --solutions label` takes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from omega_fast.errors import ConfigError
from omega_fast.exchange.convert import solutions_in, source_format
from omega_fast.exchange.refused import refusing
from omega_fast.store.formats import LabelledSolution
from omega_fast.store.formats.files import Row, write_rows
from omega_fast.store.formats.labelled import with_separators

__all__ = ["Imported", "import_questions"]


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of an import.

    Attributes:
        path: The file of questions.
        source: The format that was read.
        questions: Questions written.
        solutions: Solutions written with them.
        unanswered: Questions without a gold answer.
        quarantined: Rows that could not be used.
        quarantine: Where these are; `None` if there are none.
    """

    path: Path
    source: str
    questions: int
    solutions: int
    unanswered: int
    quarantined: int
    quarantine: Path | None

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON values."""
        return {
            "path": str(self.path),
            "from": self.source,
            "questions": self.questions,
            "solutions": self.solutions,
            "unanswered": self.unanswered,
            "quarantined": self.quarantined,
            "quarantine": None if self.quarantine is None else str(self.quarantine),
        }


def import_questions(
    source: Path, output: Path, *, from_: str = "auto", separator: str = "\n\n", root: Path | None = None
) -> Imported:
    r"""Write the labelled solutions of a file as questions with supplied solutions, a row at a time.

    Solutions of one question that follow one another become one question. An id that another question had
    before is left out, so `omega annotate` makes one of the text. The labels they came with stay beside the
    solutions, for comparison; they decide nothing.

    Args:
        source: The file, or a folder saved by Hugging Face `datasets`.
        output: The file of questions; ends in `.jsonl` or `.json`.
        from_: A key of `FORMATS`, or `auto`.
        separator: Goes between steps where the file left the separators out.
        root: GroundedPRM's `root.json`, for the questions and gold answers of its trees and samples.

    Raises:
        ConfigError: If there is no such format, or it holds no solutions.
        InputError: If the file cannot be read at all, or the output is of another kind.
        StoreError: If a file cannot be read or written.
    """
    origin = source_format(source, from_)
    if source.resolve() in (output.resolve(), *output.resolve().parents):
        raise ConfigError("the output is or lies in the input", hint="name another output")
    counts = _Counts()
    with refusing(output) as refused:
        found = (solution for _, solution in solutions_in(source, origin, refused, root))
        questions = write_rows(output, _questions(found, separator, counts))
    return Imported(
        output, origin.name, questions, counts.solutions, counts.unanswered, refused.count, refused.file
    )


@dataclass(slots=True)
class _Counts:
    solutions: int = 0
    unanswered: int = 0


def _questions(found: Iterable[LabelledSolution], separator: str, counts: _Counts) -> Iterator[Row]:
    taken: set[str] = set()
    for (problem, answer, name), group in groupby(found, lambda it: (it.question, it.answer, it.question_id)):
        solutions = [_solution(each, separator) for each in group if each.steps]
        counts.solutions += len(solutions)
        counts.unanswered += answer is None
        unique = None if name in taken else name
        taken.update([name] if name is not None else [])
        row = {"id": unique, "problem": problem, "answer": answer, "solutions": solutions}
        yield {key: value for key, value in row.items() if value is not None}


def _solution(solution: LabelledSolution, separator: str) -> Row:
    steps = with_separators(solution.steps, separator)
    row: dict[str, Any] = {"text": "".join(steps), "steps": list(steps), "labels": list(solution.hard)}
    if any(label is not None for label in solution.soft):
        row["soft_labels"] = list(solution.soft)
    if solution.source:
        row["source"] = solution.source
    if solution.correct is not None:
        row["is_correct"] = solution.correct
    return row
