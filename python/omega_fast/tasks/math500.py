"""MATH and MATH-500: `problem`, `answer`, `solution`, `level`, `subject`, `unique_id`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omega_fast.tasks.base import Draft, Limits, optional_text, required_text

__all__ = ["Math500Reader"]


class Math500Reader:
    """The records of MATH-500; the reference solution, level and subject are kept in `meta`."""

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Whether the record has the id that only this format has."""
        return "problem" in record and "answer" in record and "unique_id" in record

    def draft(self, record: Mapping[str, Any], limits: Limits) -> Draft:
        """The question under its `unique_id`."""
        return Draft(
            id=optional_text(record, ("unique_id",), limits),
            problem=required_text(record, ("problem",), limits),
            answer=required_text(record, ("answer",), limits),
            meta={name: record[name] for name in ("level", "subject", "solution") if name in record},
        )
