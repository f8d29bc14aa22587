"""Splits by question that stay the same however the data grow."""

from __future__ import annotations

from collections.abc import Iterable

from omega_fast.errors import ConfigError
from omega_fast.exchange.shares import place_of
from omega_fast.train.data.example import Example

__all__ = ["held_out", "split_by_question"]


def held_out(question: str, share: float) -> bool:
    """Whether a question is held out: a function of its text alone, true for about `share` of all questions.

    A question held out at one share is held out at every larger one.

    >>> [held_out("1 + 1", share) for share in (0.0, 1.0)]
    [False, True]
    """
    return place_of(question) < share


def split_by_question(examples: Iterable[Example], share: float) -> tuple[list[Example], list[Example]]:
    """The examples to train on and those held out; no question is in both.

    Args:
        examples: All of them.
        share: How many of the questions are held out, in [0, 1).

    Raises:
        ConfigError: If nothing is left to train on.
    """
    train: list[Example] = []
    held: list[Example] = []
    for each in examples:
        (held if held_out(each.solution.question, share) else train).append(each)
    if held and not train:
        raise ConfigError(
            "every question is held out", hint="give more questions, or a smaller --validation share"
        )
    return train, held
