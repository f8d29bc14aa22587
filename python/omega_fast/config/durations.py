"""Durations as people write them."""

from __future__ import annotations

import re

__all__ = ["seconds_in"]

_SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([dhms])\s*", re.ASCII)
_WHOLE = re.compile(r"(?:\d+(?:\.\d+)?\s*[dhms]\s*)+", re.ASCII)
_ORDER = "dhms"


def seconds_in(value: object) -> object:
    """The seconds in text like `2h30m`, `90m` or `5400`; anything but text as it is.

    Raises `ValueError` for other text.

    >>> seconds_in("2h30m"), seconds_in("90m"), seconds_in("5400"), seconds_in(" 1d 12h ")
    (9000.0, 5400.0, 5400.0, 129600.0)
    """
    if not isinstance(value, str):
        return value
    text = value.strip().lower()
    if re.fullmatch(r"\d+(\.\d+)?", text, re.ASCII):
        return float(text)
    parts = _PART.findall(text)
    units = [_ORDER.index(unit) for _, unit in parts]
    if not _WHOLE.fullmatch(text) or units != sorted(set(units)):
        raise ValueError("write a time such as 2h30m, 90m or 5400 (seconds)")
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)
