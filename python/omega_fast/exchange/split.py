"""A file of rows cut into files of nearly equal size, in order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from omega_fast.errors import ConfigError, InputError
from omega_fast.store.files import naming, naming_input
from omega_fast.store.formats.files import replacing
from omega_fast.store.formats.json_list import json_items

__all__ = ["Parts", "split"]


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
        opening, between, closing = (b"[\n", b",\n", b"\n]\n") if is_list else (b"", b"\n", b"\n")
        empty = True
        for item in items:
            file.write((opening if empty else between) + item)
            empty = False
        file.write(closing if not empty else b"[]\n" if is_list else b"")
