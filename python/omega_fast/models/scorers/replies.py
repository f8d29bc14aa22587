"""What a generative process reward model is asked and answers, wherever it runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from omega_fast.errors import InputError
from omega_fast.models.critiques import Message

__all__ = ["Asked", "Reply", "ReplyWriter"]


@dataclass(frozen=True, slots=True)
class Asked:
    """A conversation that a reply is wanted to; with a seed it is sampled, without one greedy."""

    messages: tuple[Message, ...]
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model wrote.

    Attributes:
        text: All of it.
        right: Its verdict; `None` if it has none that can be read.
        odds: p(right) / (p(right) + p(wrong)) where the verdict stands; `None` without one, or if it is not known.
    """

    text: str
    right: bool | None
    odds: float | None


class ReplyWriter(Protocol):
    """Where a model runs that writes replies."""

    def write(self, asked: Sequence[Asked]) -> list[Reply | InputError]:
        """The reply to each conversation, or why there is none.

        Raises:
            BackendError: The model is gone.
        """
        ...

    def close(self) -> None:
        """Give it up. May be called twice."""
        ...
