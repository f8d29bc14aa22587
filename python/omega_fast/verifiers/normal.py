r"""The normal form of an answer: one spelling for what LaTeX can write in many ways, without algebra."""

from __future__ import annotations

import re

from omega_fast.verifiers.extract import strip_wrappers

__all__ = ["normal_form", "split_unit"]

_SPELLINGS = (
    (re.compile("[\u2212\u2013]"), "-"),
    (re.compile("\u00b0|\\^\\s*\\{?\\s*\\\\circ\\s*\\}?|\\\\degree(?![a-zA-Z])"), r"\\text{degrees}"),
    (re.compile("\u03c0"), r"\\pi "),
    (re.compile("\u221e"), r"\\infty "),
    (re.compile(r"\\(?:left|right|displaystyle|textstyle|limits)(?![a-zA-Z])\s*"), ""),
    (re.compile(r"\\[bB]igg?[lr]?(?![a-zA-Z])\s*"), ""),
    (re.compile(r"\\[dtc]frac(?![a-zA-Z])"), r"\\frac"),
    (re.compile(r"\\(?:mbox|mathrm|textrm|textbf|mathbf|textit|textnormal|operatorname)\s*\{"), r"\\text{"),
    (re.compile(r",\s*\\!\s*|\{,\}"), ","),
    (re.compile(r"(?<!\\)\\[!,;:> ]|~|\\q?quad(?![a-zA-Z])"), " "),
    (re.compile(r"\\lbrace(?![a-zA-Z])"), r"\\{"),
    (re.compile(r"\\rbrace(?![a-zA-Z])"), r"\\}"),
    (re.compile(r"\\?[$€£]"), ""),
    (re.compile(r"\\?%"), "%"),
    (re.compile(r"\\text\{\s*([^{}]*?)\s*\.?\s*\}"), r"\\text{\1}"),
    (re.compile(r"\\frac\s*(\d)\s*(\d)(?!\d)", re.ASCII), r"\\frac{\1}{\2}"),
    (re.compile(r"\\frac\s*(\d)\s*\{", re.ASCII), r"\\frac{\1}{"),
    (re.compile(r"(\\frac\s*\{[^{}]*\})\s*(\d)", re.ASCII), r"\1{\2}"),
    (re.compile(r"\\frac\s*(\\[a-zA-Z]+)\s*(\d)(?!\d)", re.ASCII), r"\\frac{\1}{\2}"),
    (re.compile(r"\\sqrt\s*(\w)", re.ASCII), r"\\sqrt{\1}"),
    (re.compile(r"([_^])\s*\{\s*(\w)\s*\}", re.ASCII), r"\1\2"),
    (re.compile(r"\s+"), " "),
    (re.compile(r"(\\[a-zA-Z]+) (?![a-zA-Z])"), r"\1"),
    (re.compile(r"(?<=\d) (?=[a-zA-Z]{1,2}(?![a-zA-Z]))", re.ASCII), ""),
)
_WHOLE_TEXT = re.compile(r"\\text\{([^{}]*)\}")
_BLANK = re.compile(r" (?![a-zA-Z0-9])|(?<![a-zA-Z0-9]) ")
_UNIT = re.compile(
    r"(?:\\text\{(?P<text>[a-z][a-z. ]*)\}|(?<=\d) (?P<phrase>[a-z]{3,}(?: [a-z]+)*)| ?(?P<word>[a-z]+))"
    r"(?:\^(?P<power>\d))?$",
    re.IGNORECASE | re.ASCII,
)
_UNIT_WORDS = frozenset(
    {"cent", "cents", "dollar", "dollars", "percent", "degree", "degrees", "unit", "units", "people", "mph"}
    | {
        "mm",
        "cm",
        "km",
        "meter",
        "meters",
        "inch",
        "inches",
        "foot",
        "feet",
        "yard",
        "yards",
        "mile",
        "miles",
    }
    | {
        "second",
        "seconds",
        "minute",
        "minutes",
        "hour",
        "hours",
        "day",
        "days",
        "week",
        "weeks",
        "month",
        "months",
    }
    | {"year", "years", "gram", "grams", "kg", "pound", "pounds", "gallon", "gallons"}
)
_CHANGES_VALUE = re.compile(
    r"\b(?:(?:hundred|thousand|million|billion|trillion|dozen|half|halve|third|quarter)s?"
    r"|pi|sin|cos|tan|log|sqrt|mod|over|plus|minus|times|divided|squared|cubed|and|or|to)\b",
    re.IGNORECASE,
)


def normal_form(answer: str) -> str:
    r"""The answer in one spelling: no sizes, styles, currency signs and idle blanks; uniform fractions.

    A blank between two letters or two digits stays, so that `7 3` is never 73; behind a command it stays only
    where a letter follows.

    >>> normal_form(r"\left( 3, \dfrac\pi2 \right)")
    '(3,\\frac{\\pi}{2})'
    >>> normal_form(r"$11,\! 111$")
    '11,111'
    """
    text = strip_wrappers(answer)
    for pattern, replacement in _SPELLINGS:
        text = pattern.sub(replacement, text)
    text = _drop_idle_blanks(text.strip())
    whole = _WHOLE_TEXT.fullmatch(text)
    return whole.group(1) if whole else text


def split_unit(text: str) -> tuple[str, str]:
    r"""A normal form without the unit behind it, and the unit: lower case, singular, empty if there is none.

    Words in `\text{}`, and words of three letters or more behind a number and a blank, are a unit unless they
    change its value (`million`); elsewhere only known units are, because a letter may be a variable.

    >>> split_unit(r"15\text{cm}^2"), split_unit("3 apples"), split_unit("3t")
    (('15', 'cm2'), ('3', 'apple'), ('3t', ''))
    """
    match = _UNIT.search(text)
    if match is None or match.start() == 0:
        return text, ""
    unit = (match["text"] or match["phrase"] or match["word"]).casefold()
    if _CHANGES_VALUE.search(unit) or (match["word"] and unit not in _UNIT_WORDS):
        return text, ""
    return text[: match.start()].rstrip(), unit.removesuffix("s") + (match["power"] or "")


def _drop_idle_blanks(text: str) -> str:
    """Blanks next to punctuation mean nothing, except before a letter behind a command, and in words."""
    parts = re.split(r"(\\text\{[^{}]*\}|\\[a-zA-Z]+ (?=[a-zA-Z]))", text)
    return "".join(part if index % 2 else _BLANK.sub("", part) for index, part in enumerate(parts))
