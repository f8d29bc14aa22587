"""The artifacts of a run's finished questions as one file, in the order of the questions. Rebuilt by replay."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from omega_fast.store.artifacts_file import artifacts_path, read_artifacts
from omega_fast.store.files import naming

__all__ = ["ArtifactsFile", "artifacts_path", "read_artifacts"]


class ArtifactsFile:
    """Takes artifacts in the order in which questions finish, and leaves a file in the order of the questions.

    Holds 24 bytes a question in memory. Nothing is visible at `path` before `finish`.

    Args:
        path: The file to make.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._places: list[tuple[int, int, int]] = []
        with naming(path):
            # Without a name, it leaves nothing behind when the process is killed.
            self._file = tempfile.TemporaryFile(dir=path.parent)  # noqa: SIM115 - closed by `close`

    def add(self, number: int, line: bytes) -> None:
        """Keep one question's artifacts; `number` is its place in the order."""
        with naming(self._path):
            start = self._file.tell()
            self._file.write(line + b"\n")
        self._places.append((number, start, len(line) + 1))

    def finish(self) -> None:
        """Write everything in order and put it in place of the old file."""
        self._places.sort()
        in_order = self._path.with_name(f".{self._path.name}.{os.getpid()}.new")
        with naming(self._path):
            with in_order.open("wb") as out:
                for _, start, length in self._places:
                    self._file.seek(start)
                    out.write(self._file.read(length))
                out.flush()
                os.fsync(out.fileno())
            in_order.replace(self._path)
        self.close()

    def close(self) -> None:
        """Drop what was not finished. May be called twice."""
        self._file.close()
