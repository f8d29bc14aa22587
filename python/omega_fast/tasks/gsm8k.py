"""GSM8K: worked answers that end in `#### N`, and its file of model solutions with their flags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omega_fast.records import Solution
from omega_fast.tasks.base import Draft, Limits, RecordError, required_text

__all__ = ["Gsm8kReader", "Gsm8kSolutionsReader"]

_MODELS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")


class Gsm8kReader:
    """`question` and `answer`, a worked solution that ends in `#### N` and is kept in `meta`."""

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Whether the answer holds the `####` that only this format has."""
        answer = record.get("answer")
        return "question" in record and isinstance(answer, str) and "####" in answer

    def draft(self, record: Mapping[str, Any], limits: Limits) -> Draft:
        """The question; its gold answer is what follows the last `####`."""
        problem = required_text(record, ("question",), limits)
        worked = required_text(record, ("answer",), limits)
        return Draft(None, problem, _after(worked, "####"), meta={"solution": worked})


class Gsm8kSolutionsReader:
    """`question`, `ground_truth` ending in `A: N`, and four models' solutions, each with `is_correct`."""

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Whether all four models are there."""
        return all(name in record for name in _MODELS)

    def draft(self, record: Mapping[str, Any], limits: Limits) -> Draft:
        """The question with its four solutions, in the order of `_MODELS`."""
        problem = required_text(record, ("question",), limits)
        worked = required_text(record, ("ground_truth",), limits)
        solutions = tuple(_solution(name, record.get(name), limits) for name in _MODELS)
        return Draft(None, problem, _after(worked, "\nA:"), solutions, {"solution": worked})


def _after(worked: str, marker: str) -> str:
    _, found, answer = worked.rpartition(marker)
    if not found or not answer.strip():
        raise RecordError(f"no final answer after {marker.strip()!r}")
    return answer.strip()


def _solution(name: str, record: object, limits: Limits) -> Solution:
    if not isinstance(record, dict) or not isinstance(record.get("is_correct"), bool):
        raise RecordError(f"{name} has no solution with is_correct")
    return Solution(required_text(record, ("solution",), limits), source=name, correct=record["is_correct"])
