"""The fields of a foreign row, checked: each function raises `KeyError`, `TypeError` or `ValueError`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

__all__ = ["listed", "optional_text", "right_or_wrong", "share", "text", "texts"]


def text(row: Mapping[str, Any], name: str) -> str:
    """A field that has to be text."""
    value = row[name]
    if not isinstance(value, str):
        raise TypeError(f"{name} is not text")
    return value


def optional_text(row: Mapping[str, Any], name: str) -> str | None:
    """A field that may be missing or null; a number becomes text."""
    value = row.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None if value is None else text(row, name)


def listed(row: Mapping[str, Any], name: str) -> list[Any]:
    """A field that has to be a list."""
    value = row[name]
    if not isinstance(value, list | tuple):
        raise TypeError(f"{name} is not a list")
    return list(value)


def texts(row: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """A field that has to be a list of texts."""
    values = listed(row, name)
    if not all(isinstance(value, str) for value in values):
        raise TypeError(f"{name} holds something that is not text")
    return tuple(values)


def right_or_wrong(value: object) -> bool | None:
    """A hard label: true, false, 1, 0 or null."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float) and value in {0, 1}:
        return bool(value)
    raise ValueError(f"{value!r} is not a hard label")


def share(value: object) -> float | None:
    """A soft label: a number in [0, 1] or null."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r} is not a number")
    if not (math.isfinite(value) and 0 <= value <= 1):
        raise ValueError(f"{value!r} is not in [0, 1]")
    return float(value)
