"""An engine that was taught the ledger's plain skin alone, asked about stories: told in plain words, put back after."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from omega_fast.backends.base import Backend, CountsTraffic, Prompt
from omega_fast.errors import InputError
from omega_fast.records import FinishReason, Generation, GenerationRequest, Question
from omega_fast.tasks.ledger import PlainTelling, plain_telling

__all__ = ["RetoldBackend"]

_REMEMBERED = 4096
_LINE = re.compile(r"[^\n]*\n|[^\n]+")


class RetoldBackend:
    """A `Backend` around another one: problem and lines go in plain words, lines come back in the story's.

    Programs and lines are the same in both skins, so nothing is lost; a plain problem passes as it is.

    Args:
        backend: Reads and writes the plain skin.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._told: dict[int, PlainTelling] = {}
        self._refused: list[Generation] = []

    @property
    def slots(self) -> int:
        """See `Backend.slots`."""
        return self._backend.slots

    def fingerprint(self) -> Mapping[str, Any]:
        """See `Backend.fingerprint`; which words it is told in does not change the policy."""
        return self._backend.fingerprint()

    def counts(self) -> Mapping[str, int]:
        """See `CountsTraffic.counts`."""
        return self._backend.counts() if isinstance(self._backend, CountsTraffic) else {}

    def prompt(self, question: Question) -> Prompt:
        """See `Backend.prompt`. Raises `InputError` if the problem is none of the ledger's, too."""
        return self._backend.prompt(replace(question, problem=_telling(question.problem).text))

    def submit(self, requests: Sequence[GenerationRequest]) -> None:
        """See `Backend.submit`; what is no ledger problem comes back as an error."""
        plain = []
        for each in requests:
            try:
                told = self._told[each.id] = _telling(each.question.problem)
            except InputError as error:
                self._refused.append(_refusal(each.id, error.message))
                continue
            plain.append(
                replace(
                    each,
                    question=replace(each.question, problem=told.text),
                    prefix=_lines(each.prefix, told.there),
                )
            )
        self._backend.submit(plain)

    def cancel(self, ids: Collection[int]) -> None:
        """See `Backend.cancel`."""
        self._backend.cancel(ids)
        self._refused = [each for each in self._refused if each.id not in ids]
        for each in ids:
            self._told.pop(each, None)

    def poll(self, timeout: float) -> list[Generation]:
        """See `Backend.poll`."""
        refused, self._refused = self._refused, []
        return refused + [self._put_back(each) for each in self._backend.poll(0 if refused else timeout)]

    def close(self) -> None:
        """See `Backend.close`."""
        self._backend.close()

    def _put_back(self, generation: Generation) -> Generation:
        told = self._told.pop(generation.id, None)
        if told is None or not told.names or not generation.text:
            return generation
        text = _lines(generation.text, told.back)
        ends = _moved(generation.text, text, generation.token_ends)
        return replace(generation, text=text, token_ends=ends)


@lru_cache(_REMEMBERED)
def _telling(problem: str) -> PlainTelling:
    return plain_telling(problem)


def _refusal(request: int, reason: str) -> Generation:
    return Generation(request, "", (), (), 0, 0, FinishReason.ERROR, reason, given_up=True)


def _lines(text: str, rename: Callable[[str], str]) -> str:
    return "".join(map(rename, _LINE.findall(text)))


def _moved(plain: str, story: str, ends: Sequence[int]) -> list[int]:
    """Where tokens end in the story: a line grows by its name, with the token that ends where the plain name does."""
    before: list[tuple[int, int]] = []
    at = grown = 0
    for line, other in zip(_LINE.findall(plain), _LINE.findall(story), strict=True):
        growth = len(other.encode()) - len(line.encode())
        if growth:
            tag, _, rest = line.partition(" ")
            name_ends = at + len(f"{tag} {rest.partition(' ')[0]}".encode())
            grown += growth
            before.append((name_ends, grown))
        at += len(line.encode())
    moved, passed = [], 0
    for end in ends:
        if end < 0:
            moved.append(end)
            continue
        while passed < len(before) and before[passed][0] <= end:
            passed += 1
        moved.append(end + (before[passed - 1][1] if passed else 0))
    return moved
