"""What a token classifier tells: how many classes it has, and of which tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["TokenClasses"]


@dataclass(frozen=True, slots=True)
class TokenClasses:
    """A token classifier, and a sequence to try it with.

    Attributes:
        count: How many classes it has; of one, its probability is asked for, of two, that of the second.
        ids: The sequence.
        positions: Tokens in it that may be asked about.
        marker: The token at which alone it is asked, if there is one: vLLM may tell these tokens alone.
    """

    count: int
    ids: Sequence[int]
    positions: Sequence[int]
    marker: int | None = None
