"""Counts in words, as messages and summaries tell them."""

from __future__ import annotations

__all__ = ["counted"]


def counted(count: int, one: str, many: str = "") -> str:
    """So many of something, in words.

    Args:
        count: How many.
        one: What one is called, with its verb if there is one: `question`, `question has`.
        many: What several are called; `one` with an s if it is empty.

    >>> counted(1, "question"), counted(0, "question"), counted(2500, "question has", "questions have")
    ('1 question', '0 questions', '2,500 questions have')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"
