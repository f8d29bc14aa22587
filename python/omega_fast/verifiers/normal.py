r"""The normal form of an answer: one spelling for what LaTeX can write in many ways, without algebra."""

from __future__ import annotations

import re

from omega_fast.verifiers.extract import strip_wrappers

__all__ = ["normal_form"]

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
    (re.compile(r"\\sqrt\s*(\w)", re.ASCII), r"\\sqrt{\1}"),
    (re.compile(r"([_^])\s*\{\s*(\w)\s*\}", re.ASCII), r"\1\2"),
    (re.compile(r"\s+"), " "),
    (re.compile(r"(\\[a-zA-Z]+) (?![a-zA-Z])"), r"\1"),
)
_WHOLE_TEXT = re.compile(r"\\text\{([^{}]*)\}")
_BLANK = re.compile(r" (?![a-zA-Z0-9])|(?<![a-zA-Z0-9]) ")


def normal_form(answer: str) -> str:
    r"""The answer in one spelling: no sizes, styles, currency signs and idle blanks; uniform fractions.

    A blank between letters or digits stays, so that `7 3` is never 73; behind a command it stays only where a
    letter follows.

    >>> normal_form(r"\left( 3, \dfrac\pi2 \right)")
    '(3,\\frac\\pi2)'
    >>> normal_form(r"$11,\! 111$")
    '11,111'
    """
    text = strip_wrappers(answer)
    for pattern, replacement in _SPELLINGS:
        text = pattern.sub(replacement, text)
    text = _drop_idle_blanks(text.strip())
    whole = _WHOLE_TEXT.fullmatch(text)
    return whole.group(1) if whole else text


def _drop_idle_blanks(text: str) -> str:
    """Blanks next to punctuation mean nothing, except before a letter behind a command, and in words."""
    parts = re.split(r"(\\text\{[^{}]*\}|\\[a-zA-Z]+ (?=[a-zA-Z]))", text)
    return "".join(part if index % 2 else _BLANK.sub("", part) for index, part in enumerate(parts))
