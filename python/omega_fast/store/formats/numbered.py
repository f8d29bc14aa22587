"""Steps written as `Step 1: ...`, the first of them behind the question: as Math-Shepherd has them, and its heirs."""

from __future__ import annotations

import re

__all__ = ["numbered", "split_first", "without_number"]

_FIRST = re.compile(r"(?:^|\s)Step 1: ?")
_ANY = re.compile(r"\n?Step \d+: ?")


def numbered(question: str, steps: tuple[str, ...]) -> list[str]:
    """The steps with their numbers, the first one behind the question and a blank.

    Raises:
        ValueError: If question and first step could not be told apart again.
    """
    if not steps:
        raise ValueError("it has no steps")
    shown = [f"Step {number}: {step}" for number, step in enumerate(steps, 1)]
    shown[0] = f"{question} {shown[0]}"
    if split_first(shown[0]) != (question, steps[0]):
        raise ValueError("its question holds 'Step 1:', which marks the end of the question")
    return shown


def split_first(text: str) -> tuple[str, str]:
    """Question and first step. Raises `ValueError` if there is no `Step 1:`."""
    found = _FIRST.search(text)
    if found is None:
        raise ValueError("there is no 'Step 1:'")
    return text[: found.start()], text[found.end() :]


def without_number(text: str) -> str:
    """A step without its number, if it has one."""
    found = _ANY.match(text)
    return text[found.end() :] if found else text.removeprefix("\n")
