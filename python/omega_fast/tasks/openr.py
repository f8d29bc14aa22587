"""The openr question list: a JSON list of `{"problem", "final_answer"}`, without ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omega_fast.tasks.base import Draft, Limits, required_text

__all__ = ["OpenrReader"]


class OpenrReader:
    """Records of exactly a problem and its final answer."""

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Whether these two fields and no others are there."""
        return set(record) == {"problem", "final_answer"}

    def draft(self, record: Mapping[str, Any], limits: Limits) -> Draft:
        """The question; its id comes from its text."""
        problem = required_text(record, ("problem",), limits)
        return Draft(None, problem, required_text(record, ("final_answer",), limits))
