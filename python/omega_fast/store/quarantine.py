"""The rows that could not be used, kept beside the log with the reason why."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path

import orjson

from omega_fast.store.files import FileSystem, naming, write_atomically

__all__ = ["presentable", "write_quarantine"]


def write_quarantine(files: FileSystem, path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    """Make `rows` all that the JSON Lines file at `path` holds, durably; without rows there is no such file.

    A row may hold anything: what JSON or UTF-8 cannot carry becomes its Python escape. Rows that are the same
    are written once.

    Raises:
        StoreError: If the file cannot be written; it then holds what it held.
    """
    lines = dict.fromkeys(orjson.dumps(presentable(row)) + b"\n" for row in rows)
    data = b"".join(lines)
    with naming(path):
        held = path.read_bytes() if path.exists() else b""
        if data and data != held:
            write_atomically(files, path, data)
        elif not data and path.exists():
            files.remove(path)
            files.sync_folder(path.parent)


def presentable(value: object) -> object:
    """`value` as what JSON and UTF-8 can carry; the rest becomes its Python escape."""
    if isinstance(value, Mapping):
        return {str(presentable(str(key))): presentable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [presentable(item) for item in value]
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    plain = (
        isinstance(value, bool | None)
        or (isinstance(value, int) and value.bit_length() < 64)
        or (isinstance(value, float) and math.isfinite(value))
    )
    return value if plain else presentable(repr(value))
