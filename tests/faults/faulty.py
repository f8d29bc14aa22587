"""A file system whose n-th operation fails."""

import errno
import os
from pathlib import Path

from tests.store.helpers import UnsyncedFileSystem


class FaultyFileSystem(UnsyncedFileSystem):
    """Counts the operations that can fail; number `fail_at`, from 1, and all later ones fail with `code`.

    With `partial`, a failing write first writes half of its data. With `only`, operations of that name count.
    """

    def __init__(
        self, fail_at: int = 0, code: int = errno.EIO, *, partial: bool = False, only: str = ""
    ) -> None:
        self.fail_at = fail_at
        self.code = code
        self.partial = partial
        self.only = only
        self.operations = 0

    def _count(self, name: str) -> bool:
        if self.only in ("", name):
            self.operations += 1
            return self.fail_at != 0 and self.operations >= self.fail_at
        return False

    def _fail_if_due(self, name: str) -> None:
        if self._count(name):
            raise OSError(self.code, os.strerror(self.code))

    def open(self, path: Path, flags: int) -> int:
        self._fail_if_due("open")
        return super().open(path, flags)

    def write(self, descriptor: int, data: bytes) -> int:
        if self._count("write"):
            if self.partial:
                super().write(descriptor, data[: len(data) // 2])
            raise OSError(self.code, os.strerror(self.code))
        return super().write(descriptor, data)

    def sync(self, descriptor: int) -> None:
        self._fail_if_due("sync")
        super().sync(descriptor)

    def truncate(self, descriptor: int, length: int) -> None:
        self._fail_if_due("truncate")
        super().truncate(descriptor, length)

    def replace(self, source: Path, target: Path) -> None:
        self._fail_if_due("replace")
        super().replace(source, target)

    def remove(self, path: Path) -> None:
        self._fail_if_due("remove")
        super().remove(path)

    def sync_folder(self, path: Path) -> None:
        self._fail_if_due("sync_folder")
        super().sync_folder(path)
