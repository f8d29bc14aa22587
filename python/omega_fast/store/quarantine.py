"""The rows that could not be used, kept beside the log with the reason why."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Mapping
from pathlib import Path

import orjson

from omega_fast.store.files import FileSystem, naming, write_all

__all__ = ["Quarantine", "presentable"]


class Quarantine:
    """A JSON Lines file of refused rows. A row already in it is not written again, so resuming adds none.

    Args:
        path: The file; it is created with the first row.
        files: Where writes go.
    """

    def __init__(self, path: Path, files: FileSystem) -> None:
        self._path = path
        self._files = files
        self._known: set[bytes] | None = None

    def add(self, row: Mapping[str, object]) -> None:
        """Write a row durably, whatever it holds: what JSON or UTF-8 cannot carry becomes its Python escape.

        Raises:
            StoreError: If the file cannot be written.
        """
        line = orjson.dumps(presentable(row)) + b"\n"
        with naming(self._path):
            descriptor = self._files.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            try:
                if self._known is None:
                    self._known = self._read_known(descriptor)
                if line not in self._known:
                    write_all(self._files, descriptor, line)
                    self._files.sync(descriptor)
                    self._known.add(line)
            except OSError:
                self._known = None
                raise
            finally:
                with contextlib.suppress(OSError):
                    self._files.close(descriptor)

    def _read_known(self, descriptor: int) -> set[bytes]:
        data = self._path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):
            self._files.truncate(descriptor, len(whole))
        return set(whole.splitlines(keepends=True))


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
