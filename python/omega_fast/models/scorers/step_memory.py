"""Scores of steps that are known already, by model and prefix; bounded, the least recently used ones go first."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Sequence
from itertools import takewhile
from threading import Lock

__all__ = ["StepMemory"]

_DIGEST_BYTES = 16


class StepMemory:
    """One score for each prefix, under a digest of model, problem and steps; shared by threads.

    Where a model scores a step by what comes before it alone, a solution holds the scores of its prefixes. Where it
    looks at the whole, a step is known only as part of that whole.

    Args:
        identity: What tells the model from others, as JSON values.
        by_prefix: Whether a step's score is the same in every longer solution.
        limit: Steps that are kept; about 200 bytes each.
    """

    def __init__(self, identity: object, *, by_prefix: bool, limit: int = 100_000) -> None:
        self._root = _digest(json.dumps(identity, sort_keys=True, default=str).encode())
        self._by_prefix = by_prefix
        self._limit = limit
        self._scores: OrderedDict[bytes, float] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._scores)

    def keys(self, problem: str, steps: Sequence[str]) -> list[bytes]:
        """What each prefix of a solution is kept under, in order.

        >>> memory = StepMemory("model", by_prefix=True)
        >>> memory.keys("p", ["a", "b"])[0] == memory.keys("p", ["a", "c"])[0]
        True
        """
        key = _digest(self._root, _encoded(problem))
        if not self._by_prefix:
            for step in steps:
                key = _digest(key, _encoded(step))
        found = []
        for step in steps:
            key = _digest(key, _encoded(step))
            found.append(key)
        return found

    def known(self, keys: Sequence[bytes]) -> list[float]:
        """The scores of the first steps, as far as all of them are known."""
        with self._lock:
            there = list(takewhile(self._scores.__contains__, keys))
            for key in there:
                self._scores.move_to_end(key)
            return [self._scores[key] for key in there]

    def keep(self, keys: Sequence[bytes], scores: Sequence[float]) -> None:
        """Remember scores."""
        with self._lock:
            for key, score in zip(keys, scores, strict=True):
                self._scores[key] = score
                self._scores.move_to_end(key)
            while len(self._scores) > self._limit:
                self._scores.popitem(last=False)


def _digest(*parts: bytes) -> bytes:
    """Of two parts the first is a digest, so where it ends is known."""
    return hashlib.blake2b(b"".join(parts), digest_size=_DIGEST_BYTES).digest()


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
