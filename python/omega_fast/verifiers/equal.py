r"""Equality of two answers as far as it can be told in microseconds: spelling, rational numbers, units.

`True` and `False` are certain; `None` leaves the pair to the algebra of the worker processes. Nothing is
evaluated: numbers are read by regular expressions without recursion, and their length is limited.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from omega_fast.verifiers.normal import normal_form, split_unit

__all__ = ["fast_equal"]

_MAX_CHARS = 1000
_PAIRS_KEPT = 4096
_DIGITS = re.compile(r"\d+", re.ASCII)
_REGISTERS = re.compile(r"[-+]?\d+(?: [-+]?\d+)+", re.ASCII)
_BASED = re.compile(r"(\d+)_(?:(\d)|\{(\d+)\})", re.ASCII)
_WORD = re.compile(r"[a-z]{2,}", re.IGNORECASE)
_NOT_VALUES = frozenset({"", "nan", "none", "null", "undefined", "n/a", "?", "..."})

_DECIMAL = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|\.\d+"
_RATIO = re.compile(
    rf"([-+]?)(?:(?P<whole>\d+)(?= \d|\\frac) ?)?"
    rf"(?:\\frac\{{(?P<top>[-+]?(?:{_DECIMAL}))\}}\{{(?P<bottom>[-+]?(?:{_DECIMAL}))\}}"
    rf"|(?P<left>{_DECIMAL})/(?P<right>{_DECIMAL}))",
    re.ASCII,
)
_PLAIN = re.compile(rf"([-+]?)({_DECIMAL})", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Number:
    value: Fraction
    percent: bool
    unit: str


def fast_equal(gold: str, answer: str) -> bool | None:
    r"""Whether `answer` is `gold`, or `None` where only algebra can tell.

    >>> fast_equal(r"\frac{1}{2}", "0.5"), fast_equal("7 3", "73"), fast_equal("x+1", "1+x")
    (True, False, None)
    """
    if max(len(gold), len(answer)) > _MAX_CHARS:
        return _long_equal(gold.strip(), answer.strip())
    return _short_equal(gold, answer)


@lru_cache(_PAIRS_KEPT)
def _short_equal(gold: str, answer: str) -> bool | None:
    # Kept, since the rollouts of a question give the same few answers, and two normal forms take 30 us.
    left, right = normal_form(gold), normal_form(answer)
    if right.casefold() in _NOT_VALUES:
        return left.casefold() == right.casefold() and bool(right)
    if left == right:
        return True
    if _WORD.fullmatch(left) and left.casefold() == right.casefold():
        return True
    for decide in (_registers_equal, _based_equal, _numbers_equal, _kinds_differ):
        verdict = decide(left, right)
        if verdict is not None:
            return verdict
    return None


def _long_equal(gold: str, answer: str) -> bool | None:
    """Too long to take apart: the same text is equal, two different rows of digits are not."""
    if gold == answer:
        return True
    if _DIGITS.fullmatch(gold) and _DIGITS.fullmatch(answer):
        return gold.lstrip("0") == answer.lstrip("0")
    return None


def _registers_equal(gold: str, answer: str) -> bool | None:
    """A gold of several integers side by side is a tuple of registers, and only the same tuple equals it."""
    if not _REGISTERS.fullmatch(gold):
        return None
    if not _REGISTERS.fullmatch(answer):
        return False
    return [int(n) for n in gold.split()] == [int(n) for n in answer.split()]


def _based_equal(gold: str, answer: str) -> bool | None:
    """Two numerals with a written base differ unless both digits and base are the same."""
    left, right = _BASED.fullmatch(gold), _BASED.fullmatch(answer)
    if left is None or right is None:
        return None
    return left.groups() == right.groups()


def _numbers_equal(gold: str, answer: str) -> bool | None:
    left, right = _number(gold), _number(answer)
    if left is None or right is None:
        return None
    if left.value == right.value:
        same_unit = not left.unit or not right.unit or left.unit == right.unit
        return True if same_unit else None
    if left.percent != right.percent:
        return None
    near = abs(left.value - right.value) <= Fraction(1, 1000) * max(Fraction(1), abs(left.value))
    whole = left.value.denominator == right.value.denominator == 1
    # A rounded decimal may stand for a fraction: how close is close enough is the slow path's rule.
    return None if near and not whole else False


def _kinds_differ(gold: str, answer: str) -> bool | None:
    """A set is not a point or an interval; the algebra would take `(1,2)` for `{1,2}`."""
    kinds = {_kind(gold), _kind(answer)}
    return False if "set" in kinds and "tuple" in kinds else None


def _kind(text: str) -> str:
    if text.startswith((r"\{", "{")) and text.endswith("}"):
        return "set"
    if text.startswith(("(", "[")) and text.endswith((")", "]")) and "," in text and r"\cup" not in text:
        return "tuple"
    return "other"


def _number(text: str) -> _Number | None:
    """The rational number that a normal form spells, with the unit or percent sign behind it."""
    percent = text.endswith("%")
    text, unit = (text[:-1].rstrip(), "") if percent else split_unit(text)
    if unit.startswith("percent"):
        percent, unit = True, ""
    value = _rational(text)
    return None if value is None else _Number(value, percent, unit)


def _rational(text: str) -> Fraction | None:
    if match := _PLAIN.fullmatch(text):
        value = _decimal(match[2])
    elif match := _RATIO.fullmatch(text):
        top, bottom = match["top"] or match["left"], match["bottom"] or match["right"]
        divisor = _decimal(bottom)
        if divisor == 0:
            return None
        value = int(match["whole"] or 0) + _decimal(top) / divisor
    else:
        return None
    return -value if match[1] == "-" else value


def _decimal(digits: str) -> Fraction:
    return Fraction(digits.replace(",", "").rstrip(".") or "0")
