"""The text of the question that a row of any file is about."""

from __future__ import annotations

from typing import Any

from omega_fast.errors import InputError
from omega_fast.exchange.convert import detect
from omega_fast.store.formats import STEPS, Format, Place
from omega_fast.store.formats.files import Row

__all__ = ["QuestionText"]

_FIELDS = ("problem", "question", "prompt")


class QuestionText:
    """Finds it in a field of its own, or as the format of the file says."""

    def __init__(self) -> None:
        self._format: Format[Any] | None = None

    def of(self, place: Place, row: Row) -> str:
        """The text. Raises `InputError` if the row does not tell it."""
        own = next((row[name] for name in _FIELDS if isinstance(row.get(name), str)), None)
        return self._told(place, row) if own is None else str(own)

    def _told(self, place: Place, row: Row) -> str:
        self._format = self._format or detect(place.path)
        if self._format is STEPS:
            raise InputError(
                f"{place} does not tell where its question ends: three columns never do",
                hint="split while they are written: omega augment --shares, or split what they are made from",
            )
        try:
            solutions = (
                self._format.to_solutions([self._format.from_json(row)]) if self._format.to_solutions else ()
            )
            found = next(iter(solutions), None)
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise InputError(
                f"{place} is not in format {self._format.name}: {error}", hint="take the row out"
            ) from error
        if found is None:
            raise InputError(f"{place} names no question", hint=f"give it one of {', '.join(_FIELDS)}")
        return found.question
