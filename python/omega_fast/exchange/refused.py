"""The rows that a conversion could not use, in a file beside its output."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import orjson

from omega_fast.store.files import naming
from omega_fast.store.formats.files import RowFault, replacing
from omega_fast.store.quarantine import presentable

__all__ = ["Refused", "refusing"]


class Refused:
    """A JSON Lines file of `{"file", "line", "reason", "row"}`, one for each fault, begun with the first.

    Whatever cannot stand in JSON becomes its Python escape.

    Attributes:
        path: The file.
        count: How many faults there were.
    """

    def __init__(self, path: Path, files: contextlib.ExitStack) -> None:
        self.path = path
        self.count = 0
        self._files = files
        self._file: IO[bytes] | None = None

    @property
    def file(self) -> Path | None:
        """The file, if there were faults."""
        return self.path if self.count else None

    def __call__(self, fault: RowFault) -> None:
        """Write a fault down. Raises `StoreError` if it cannot."""
        self._file = self._file or self._files.enter_context(replacing(self.path))
        content = fault.content
        if isinstance(content, bytes):
            content = content.decode("utf-8", "backslashreplace").rstrip("\n")
        place = {"file": str(fault.place.path), "line": fault.place.number}
        self._file.write(orjson.dumps(presentable({**place, "reason": fault.reason, "row": content})) + b"\n")
        self.count += 1


@contextlib.contextmanager
def refusing(output: Path) -> Iterator[Refused]:
    """The faults of what is written to `output`, in `OUTPUT.quarantine.jsonl`; without faults there is no such file.

    The file appears when the block ends well. The folder of both is made if there is none.

    Raises:
        StoreError: If it cannot be.
    """
    path = output.with_name(output.name + ".quarantine.jsonl")
    with naming(output.parent):
        output.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as files:
        refused = Refused(path, files)
        yield refused
    if not refused.count:
        with naming(path):
            path.unlink(missing_ok=True)
