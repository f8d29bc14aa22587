"""What a tool is: something with ground truth that is asked a query and says right, wrong, or that it cannot say."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

__all__ = ["Finding", "Tool", "ToolAnswer"]


class Finding(StrEnum):
    """What a tool found of the claim in a query; `cannot_say` is never a label."""

    RIGHT = "right"
    WRONG = "wrong"
    CANNOT_SAY = "cannot_say"


@dataclass(frozen=True, slots=True)
class ToolAnswer:
    """A finding, why, and what the tool computed.

    Attributes:
        finding: What was found.
        reason: In words, on one line.
        value: The computed value; `None` if there is none.
    """

    finding: Finding
    reason: str
    value: str | None = None


@runtime_checkable
class Tool(Protocol):
    """A checker of claims, written in a language of its own. Every method may be called from any thread.

    Contract: `check` returns for every text, whatever is in it; the same version and query get the same answer, but
    for those that say `cannot_say` because of time, memory or a connection.
    """

    @property
    def name(self) -> str:
        """What the user calls it."""
        ...

    @property
    def version(self) -> str:
        """What identifies its rules and the libraries behind them."""
        ...

    @property
    def language(self) -> str:
        """The queries it understands, in words for whoever writes them, a language model among others."""
        ...

    def check(self, query: str) -> ToolAnswer:
        """The finding on a query; waits for it.

        Raises:
            BackendError: The tool itself is gone or turns everything away, which is not the query's doing.
        """
        ...

    def close(self) -> None:
        """Release what it holds. May be called twice."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
