"""A file of rows cut into several: of nearly equal size in order, or by question in stated shares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

import orjson

from omega_fast.errors import ConfigError, InputError
from omega_fast.exchange.merge import columns_like
from omega_fast.exchange.question_text import QuestionText
from omega_fast.exchange.shares import part_of, path_of_part
from omega_fast.store.files import naming, naming_input
from omega_fast.store.formats.files import Place, read_rows, replacing, write_rows
from omega_fast.store.formats.json_list import json_items

__all__ = ["Parts", "split", "split_by_question"]

_PIECE = 4096


@dataclass(frozen=True, slots=True)
class Parts:
    """The files that were written, and how many rows each has."""

    paths: tuple[Path, ...]
    sizes: tuple[int, ...]

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON values."""
        return {"paths": [str(path) for path in self.paths], "sizes": list(self.sizes)}


def split(source: Path, folder: Path, parts: int) -> Parts:
    """Cut a JSON list or JSON Lines into `NAME_part_1`, `NAME_part_2`, ... of the same kind.

    The rows keep their order and their text; the sizes differ by one at most, the larger parts first. Blank
    lines are left out. The file is read twice, an item at a time.

    Raises:
        ConfigError: If there is to be no part at all.
        InputError: If the file is absent or not JSON.
        StoreError: If a file cannot be read or written.
    """
    if parts < 1:
        raise ConfigError(f"{parts} parts cannot be made", hint="ask for one or more")
    is_list = _is_list(source)
    count = sum(1 for _ in _items(source, is_list))
    sizes = tuple(count // parts + (number < count % parts) for number in range(parts))
    paths = tuple(folder / f"{source.stem}_part_{number}{source.suffix}" for number in range(1, parts + 1))
    with naming(folder):
        folder.mkdir(parents=True, exist_ok=True)
    items = _items(source, is_list)
    for path, size in zip(paths, sizes, strict=True):
        _write(path, islice(items, size), is_list)
    return Parts(paths, sizes)


def split_by_question(source: Path, folder: Path, shares: Mapping[str, float]) -> Parts:
    """Cut a file into `NAME_train`, `NAME_test`, ... so that all rows of a question are in one of them.

    The part of a question depends on its text alone (`shares.part_of`): it is the same in every file and however many
    questions there are. The shares are of questions, and are met about. Rows keep their order; those of JSON files
    keep their text too. Nothing but the row at hand is held in memory.

    Args:
        source: A JSON list, JSON Lines, CSV or Parquet, with any rows that tell their question.
        folder: Where the parts go.
        shares: The share of each part, by name; they add up to 1.

    Raises:
        InputError: If the file is absent or not of its kind, or a row does not tell its question.
        StoreError: If a file cannot be read or written.
    """
    with naming(folder):
        folder.mkdir(parents=True, exist_ok=True)
    paths = tuple(folder / path_of_part(source, name).name for name in shares)
    texts = QuestionText()
    if source.suffix in (".csv", ".parquet"):
        sizes = []
        for name, path in zip(shares, paths, strict=True):
            rows = (row for place, row in read_rows(source) if part_of(texts.of(place, row), shares) == name)
            sizes.append(write_rows(path, rows, columns_like(path, source)))
        return Parts(paths, tuple(sizes))
    if source.is_dir():
        raise InputError(f"{source} is a folder", hint="make a file of it: omega convert")
    is_list = _is_list(source)
    with ExitStack() as files:
        parts = {
            name: _Part(files.enter_context(replacing(path)), is_list)
            for name, path in zip(shares, paths, strict=True)
        }
        for number, item in enumerate(_items(source, is_list), 1):
            place = Place(source, number)
            parts[part_of(texts.of(place, _row(place, item)), shares)].add(item)
        for part in parts.values():
            part.end()
    return Parts(paths, tuple(part.size for part in parts.values()))


def _row(place: Place, item: bytes) -> dict[str, Any]:
    try:
        row = orjson.loads(item.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise InputError(f"{place} is not JSON: {error}", hint="check the file") from error
    if not isinstance(row, dict):
        raise InputError(f"{place} is not an object", hint="check the file")
    return row


def _is_list(source: Path) -> bool:
    with naming_input(source), source.open("rb") as file:
        for piece in iter(lambda: file.read(_PIECE), b""):
            if begun := piece.lstrip(b"\xef\xbb\xbf \t\r\n"):
                return begun.startswith(b"[")
    return False


def _items(source: Path, is_list: bool) -> Iterator[bytes]:
    with naming_input(source), source.open("rb") as file:
        if not is_list:
            yield from (line.rstrip(b"\r\n") for line in file if line.strip())
            return
        try:
            yield from (item.encode() for item in json_items(file))
        except ValueError as error:
            raise InputError(f"{source} is not JSON: {error}", hint="check the file") from error


def _write(path: Path, items: Iterator[bytes], is_list: bool) -> None:
    with replacing(path) as file:
        part = _Part(file, is_list)
        for item in items:
            part.add(item)
        part.end()


class _Part:
    def __init__(self, file: IO[bytes], is_list: bool) -> None:
        self._file = file
        self._opening, self._between, self._closing = (
            (b"[\n", b",\n", b"\n]\n") if is_list else (b"", b"\n", b"\n")
        )
        self._empty = b"[]\n" if is_list else b""
        self.size = 0

    def add(self, item: bytes) -> None:
        self._file.write((self._between if self.size else self._opening) + item)
        self.size += 1

    def end(self) -> None:
        self._file.write(self._closing if self.size else self._empty)
