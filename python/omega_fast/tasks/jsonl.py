"""The general format: a problem, an answer under one of its usual names, perhaps an id and solutions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omega_fast.records import Solution
from omega_fast.tasks.base import Draft, Limits, RecordError, optional_text, required_text

__all__ = ["JsonlReader"]

_PROBLEM = ("problem", "question")
_ANSWER = ("final_answer", "ground_truth", "answer")
_ID = ("id", "question_id")
_TEXT = ("text", "solution")


class JsonlReader:
    """`problem|question`, `final_answer|ground_truth|answer`, and optionally `id` and `solutions`.

    A solution is a string, or an object with `text|solution`, `is_correct`, `source` and `steps`, whose
    concatenation has to be the text. A record needs an answer, unless `answer_required` is false.
    """

    def __init__(self, *, answer_required: bool = True) -> None:
        self._answer_required = answer_required

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Whether the record has a problem at all."""
        return any(name in record for name in _PROBLEM)

    def draft(self, record: Mapping[str, Any], limits: Limits) -> Draft:
        """The question of a record; fields that mean nothing here are kept in `meta`."""
        answer = optional_text(record, _ANSWER, limits)
        if answer is None and self._answer_required:
            raise RecordError("no final answer")
        return Draft(
            id=optional_text(record, _ID, limits),
            problem=required_text(record, _PROBLEM, limits),
            answer=answer,
            solutions=_solutions(record.get("solutions"), limits),
            meta={name: value for name, value in record.items() if name not in _READ},
        )


_READ = frozenset({*_PROBLEM, *_ANSWER, *_ID, "solutions"})


def _solutions(value: object, limits: Limits) -> tuple[Solution, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise RecordError(f"solutions is {type(value).__name__}, not a list")
    return tuple(_solution(item, limits) for item in value)


def _solution(item: object, limits: Limits) -> Solution:
    record = {"text": item} if isinstance(item, str) else item
    if not isinstance(record, dict):
        raise RecordError(f"a solution is {type(item).__name__}, not text or an object")
    correct = record.get("is_correct")
    if correct is not None and not isinstance(correct, bool):
        raise RecordError("is_correct of a solution is neither true nor false")
    text = required_text(record, _TEXT, limits)
    return Solution(
        text=text,
        steps=_steps(record.get("steps"), text),
        source=optional_text(record, ("source",), limits) or "",
        correct=correct,
    )


def _steps(value: object, text: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(step, str) and step for step in value):
        raise RecordError("steps of a solution are no list of texts")
    if "".join(value) != text:
        raise RecordError("steps of a solution do not make up its text")
    return tuple(value)
