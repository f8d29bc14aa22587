"""Solutions that come twice are used once; equal solutions with contradicting labels are counted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b

from omega_fast.train.data.example import Example

__all__ = ["Duplicates", "without_duplicates"]


@dataclass(frozen=True, slots=True)
class Duplicates:
    """What was found twice.

    Attributes:
        dropped: Solutions that had come before, step for step.
        contradicting: Those among them whose hard labels differ from the first one's where both have one.
    """

    dropped: int
    contradicting: int


def without_duplicates(examples: Iterable[Example]) -> tuple[list[Example], Duplicates]:
    """The examples with each solution of a question once, the first of equals, in order."""
    kept: dict[bytes, Example] = {}
    dropped = contradicting = 0
    for each in examples:
        key = _key(each)
        if key in kept:
            dropped += 1
            contradicting += _contradict(kept[key], each)
        else:
            kept[key] = each
    return list(kept.values()), Duplicates(dropped, contradicting)


def _contradict(one: Example, other: Example) -> bool:
    pairs = zip(one.solution.hard, other.solution.hard, strict=True)
    return any(a is not None and b is not None and a != b for a, b in pairs)


def _key(example: Example) -> bytes:
    parts = (example.solution.question, *example.solution.steps)
    digest = blake2b(digest_size=16)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.digest()
