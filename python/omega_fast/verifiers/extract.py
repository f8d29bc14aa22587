r"""The answer a solution gives, found by its marker: `\boxed{}`, `#### 42`, `A: 18`, "the answer is".

Only the solution is read, never the question, so an empty rollout has no answer, and only what it says outside
of its thoughts. Every search is linear in the text.
"""

from __future__ import annotations

import re

from omega_fast.records import THINK, ThoughtMarkers

__all__ = ["extract_answer", "said_aloud", "strip_wrappers"]


_BRACES = re.compile(r"\\(?:boxed|fbox)\s*\{|\\.|[{}]", re.DOTALL)
_HASHES = re.compile(r"^####[ \t]*(\S[^\n]*)$", re.MULTILINE)
_NUMERIC_START = re.compile(r"[-+(]?\\?[$€£]?[-+]?\.?\d", re.ASCII)
_SHORT_FORM = re.compile(r"A:[ \t]*(\S.*)")
_REGISTERS = re.compile(r"answer((?:[ \t]+-?\d+)+)", re.ASCII)
_PHRASE = re.compile(
    r"\b(?:final[ \t]+answer|answer)[*_]{0,2}[ \t]*(?:is|are|:|=)(?:[ \t]*:)?[*_]{0,2}[ \t]*([^\s][^\n]*)",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"\.(?=\s+[A-Z])|\.?\s*$")
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?(?:/\d+)?", re.ASCII)
_FINAL_MARKS = (".", ",", ";")
_NOT_FINAL = ("..", r"\left.", r"\right.")
_WRAPPERS = (("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]"), ("**", "**"), ("`", "`"))


def extract_answer(text: str, *, plain: bool = False, thought: ThoughtMarkers = THINK) -> str | None:
    r"""The answer that `text` gives, or `None` if it gives none.

    The last non-empty balanced `\boxed{}` or `\fbox{}` wins; then a final line of its own (`#### 42`,
    `A: 18`, `answer 7 3`); then the last "the answer is ..." or "final answer: ...".

    Args:
        text: The solution, without the question.
        plain: Fall back on the last number of a text that marks no answer.
        thought: What encloses the thoughts of a reasoning model, which are not looked at.

    >>> extract_answer(r"so $x=\boxed{\frac{1}{2}}$.")
    '\\frac{1}{2}'
    >>> extract_answer("x 1 + 6 = 7\nanswer 7 3")
    '7 3'
    """
    text = said_aloud(text, thought)
    answer = _last_boxed(text) or _final_line(text) or _last_phrase(text)
    if answer is None and plain:
        numbers = _NUMBER.findall(text)
        return numbers[-1].rstrip(",") if numbers else None
    return answer


def said_aloud(text: str, thought: ThoughtMarkers = THINK) -> str:
    r"""What a solution says outside of its thoughts; nothing if it ends inside one, for then it has not answered.

    Thoughts are told as the search core tells them: a first marker that closes shows that the text began inside.

    >>> said_aloud(r"<think>\boxed{1}?</think>It is 2.")
    'It is 2.'
    """
    opening, closing = text.find(thought.open), text.find(thought.close)
    if opening < 0 and closing < 0:
        return text
    inside = opening < 0 or 0 <= closing < opening
    said: list[str] = []
    at = 0
    while True:
        marker = thought.close if inside else thought.open
        found = text.find(marker, at)
        if not inside:
            said.append(text[at:] if found < 0 else text[at:found])
        if found < 0:
            return "" if inside else "\n".join(filter(None, said))
        at = found + len(marker)
        inside = not inside


def strip_wrappers(text: str) -> str:
    """The text without the blanks, final punctuation, math and emphasis marks around all of it."""
    while True:
        text = text.strip()
        stripped = text[:-1] if text.endswith(_FINAL_MARKS) and not text.endswith(_NOT_FINAL) else text
        for opening, closing in _WRAPPERS:
            inner = stripped[len(opening) : -len(closing)]
            if stripped.startswith(opening) and stripped.endswith(closing) and inner and opening not in inner:
                stripped = inner
                break
        if stripped == text:
            return text
        text = stripped


def _last_boxed(text: str) -> str | None:
    """The content of the outermost box that closes last."""
    if r"\boxed" not in text and r"\fbox" not in text:
        return None
    open_braces: list[int] = []
    found: str | None = None
    for match in _BRACES.finditer(text):
        mark = match.group()
        if mark == "}":
            start = open_braces.pop() if open_braces else 0
            if start > 0 and (content := strip_wrappers(text[start : match.start()])):
                found = content
        elif mark == "{":
            open_braces.append(-1)
        elif mark.endswith("{") and len(mark) > 2:
            open_braces.append(match.end())
    return found


def _final_line(text: str) -> str | None:
    """The answer that a line of a fixed form gives: the last line, or the last `#### 42` anywhere."""
    last_line = text.rstrip().rpartition("\n")[2].strip()
    if match := _REGISTERS.fullmatch(last_line):
        return " ".join(match.group(1).split())
    if match := _SHORT_FORM.fullmatch(last_line):
        return strip_wrappers(match.group(1)) or None
    # A heading of the fourth level looks the same, so above the last line only a number is an answer.
    marked = [m.group(1) for m in _HASHES.finditer(text) if _NUMERIC_START.match(m.group(1))]
    if last_line.startswith("####"):
        marked.append(last_line.lstrip("#"))
    return (strip_wrappers(marked[-1]) or None) if marked else None


def _last_phrase(text: str) -> str | None:
    """What follows the last "the answer is", up to the end of its sentence or line."""
    phrases = _PHRASE.findall(text)
    if not phrases:
        return None
    phrase = phrases[-1]
    end = _SENTENCE_END.search(phrase)
    return strip_wrappers(phrase[: end.start()] if end else phrase) or None
