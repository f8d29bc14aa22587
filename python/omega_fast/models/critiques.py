r"""Conversations in which each step of a solution gets a critique with a verdict: their turns, and how a reply is read.

The user says the problem and a step, the model criticises it, the user says the next step (GroundedPRM, arXiv
2510.14942). A reply has one of two forms: `boxed`, `<verify>...</verify><judge>...</judge><output>\boxed{+}</output>`,
whose first two parts may be absent; `word`, `Right` or `Wrong` and nothing else. Pure text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = ["Message", "Sign", "VerdictForm", "form_of", "is_conversation", "read_sign", "solution_messages"]

Message = dict[str, str]
"""`role` and `content`."""

VerdictForm = Literal["boxed", "word"]
"""How a reply gives its verdict."""

_OPENS = "<output>"
_BOXED = re.compile(r"[^<]*\\boxed\{([+-])\}[^<]*</output>\s*")
_WORD = re.compile(r"\s*(Right|Wrong)\.?\s*")
_TEXTS = {"boxed": ("+", "-"), "word": ("Right", "Wrong")}


@dataclass(frozen=True, slots=True)
class Sign:
    """A verdict in a reply: what it says, the characters it stands at, and what the other verdict would be there."""

    right: bool
    start: int
    end: int
    other: str


def read_sign(reply: str, form: VerdictForm) -> Sign | None:
    r"""The verdict of a reply; `None` unless it has exactly one, where it belongs.

    What a tool or a judge is quoted with does not count: only what stands in the one `<output>` that ends the reply.

    >>> read_sign("<output>\n\\boxed{-}\n</output>", "boxed").right
    False
    >>> read_sign("\\boxed{+}", "boxed"), read_sign("Right or Wrong", "word")
    (None, None)
    """
    if form == "word":
        said = _WORD.fullmatch(reply)
    else:
        at = reply.find(_OPENS)
        said = _BOXED.fullmatch(reply, at + len(_OPENS)) if at >= 0 else None
        if said is not None and reply.count("\\boxed", at) > 1:
            return None
    if said is None:
        return None
    right, wrong = _TEXTS[form]
    is_right = said[1] == right
    return Sign(is_right, *said.span(1), wrong if is_right else right)


def form_of(replies: Sequence[str]) -> VerdictForm | None:
    """The form that all of some replies have; `None` if there is none."""
    forms: tuple[VerdictForm, ...] = ("boxed", "word")
    return next((form for form in forms if all(read_sign(each, form) for each in replies)), None)


def solution_messages(
    problem: str, steps: Sequence[str], replies: Sequence[str], system: str = ""
) -> list[Message]:
    """The conversation on a solution up to where the model criticises the last of `steps`.

    Args:
        problem: The problem.
        steps: Steps, without the text that ends them.
        replies: The critiques of all steps but the last.
        system: A system message; none if empty.
    """
    messages = [{"role": "system", "content": system}] if system else []
    for number, step in enumerate(steps):
        content = step if number else f"{problem}\n{step}"
        messages.append({"role": "user", "content": content})
        if number < len(replies):
            messages.append({"role": "assistant", "content": replies[number]})
    return messages


def is_conversation(messages: Sequence[Message]) -> bool:
    """Whether user and assistant take turns, a system message before them left out, and the assistant ends it."""
    roles = [each["role"] for each in messages]
    turns = roles[1:] if roles[:1] == ["system"] else roles
    return bool(turns) and turns == ["user", "assistant"] * (len(turns) // 2)
