"""A JSON list read item by item, so that a file of any length takes the memory of its longest item."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from typing import IO

__all__ = ["NotAListError", "json_items"]

_CHUNK = 1 << 18
_LONGEST = 1 << 26
_BLANK = " \t\r\n"
_BEHIND = frozenset(_BLANK + ",]")


class NotAListError(ValueError):
    """The file holds something other than a list."""


def json_items(file: IO[bytes]) -> Iterator[str]:
    """Yield the text of each item.

    Raises:
        NotAListError: If the file does not begin as a list.
        ValueError: At a place from which it is no JSON, or if an item has more than 64 Mi characters.
    """
    ahead = _Ahead(file)
    if ahead.next_sign() != "[":
        raise NotAListError("it does not begin with [")
    ahead.at += 1
    first = True
    while (sign := ahead.next_sign()) != "]":
        if not first:
            if sign != ",":
                raise ValueError(f"a comma is missing before character {ahead.place}")
            ahead.at += 1
        yield ahead.item()
        first = False
    ahead.at += 1
    if ahead.next_sign():
        raise ValueError(f"something follows the list at character {ahead.place}")


class _Ahead:
    """The text of a file from `at` on, as far as it was needed."""

    def __init__(self, file: IO[bytes]) -> None:
        self._reader = codecs.getreader("utf-8-sig")(file)
        self._text = ""
        self._dropped = 0
        self._ended = False
        self.at = 0

    @property
    def place(self) -> int:
        """How many characters stand before `at`."""
        return self._dropped + self.at

    def next_sign(self) -> str:
        """The next character that is not blank, or nothing at the end; `at` is moved to it."""
        while True:
            while self.at < len(self._text):
                if self._text[self.at] not in _BLANK:
                    return self._text[self.at]
                self.at += 1
            if not self._read_on():
                return ""

    def item(self) -> str:
        """The text of the value that begins next; `at` is moved behind it."""
        self.next_sign()
        while True:
            try:
                _, end = _DECODER.raw_decode(self._text, self.at)
            except (ValueError, RecursionError) as error:
                if not self._read_on():
                    raise ValueError(f"no JSON from character {self.place} on: {error}") from error
                continue
            if self._text[end : end + 1] not in _BEHIND and self._read_on():
                continue  # a number may go on: 1 is the beginning of 1.5
            found = self._text[self.at : end]
            self.at = end
            return found

    def _read_on(self) -> bool:
        rest = self._text[self.at :]
        if len(rest) > _LONGEST:
            raise ValueError(f"the item at character {self.place} does not end within {_LONGEST} characters")
        more = "" if self._ended else self._reader.read(max(_CHUNK, len(rest)))
        self._ended = self._ended or not more
        if more:
            self._dropped += self.at
            self._text, self.at = rest + more, 0
        return bool(more)


_DECODER = json.JSONDecoder()
