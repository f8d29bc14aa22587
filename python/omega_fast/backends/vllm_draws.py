"""What goes into the engine and what comes out of it, without vLLM itself."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Draw", "DrawEngine", "Outcome"]


@dataclass(frozen=True, slots=True)
class Draw:
    """One continuation wanted.

    Attributes:
        ticket: Names it; never used twice.
        token_ids: Prompt and prefix.
        seed: Of this draw alone.
        max_tokens: At least 1.
        replica: The data-parallel rank that is to make it.
        stop: Texts that end it, beside the engine's.
        greedy: Take the likeliest token each time.
    """

    ticket: int
    token_ids: list[int]
    seed: int
    max_tokens: int
    replica: int
    stop: tuple[str, ...] = ()
    greedy: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a draw.

    Attributes:
        ticket: The draw's.
        token_ids: All generated ids, the end included.
        reason: vLLM's finish reason; `error` if it raised.
        cached: Tokens of the prompt found in the prefix cache.
        error: What it raised, in words.
    """

    ticket: int
    token_ids: Sequence[int]
    reason: str
    cached: int = 0
    error: str = ""


class DrawEngine(Protocol):
    """What the backend needs of a running engine. Calls come from one thread; none but `collect` waits."""

    def submit(self, draws: Sequence[Draw]) -> None:
        """Queue draws, in this order. Raises `BackendError` if the engine is gone."""
        ...

    def abort(self, tickets: Collection[int]) -> None:
        """Stop these draws; an outcome that is out already may still come."""
        ...

    def collect(self, timeout: float) -> list[Outcome]:
        """All outcomes there are, after at most `timeout` seconds of waiting for the first.

        Raises `BackendError` if the engine is gone and there is none.
        """
        ...

    def close(self) -> None:
        """End the engine. May be called twice."""
        ...
