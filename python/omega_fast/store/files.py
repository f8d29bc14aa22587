"""Writing files so that a crash leaves the old content or the new, and naming them so that they stay put."""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Collection, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Protocol

from omega_fast.errors import InputError, RunConflictError, StoreError

__all__ = [
    "FileSystem",
    "LocalFileSystem",
    "folder_made",
    "naming",
    "naming_input",
    "refuse_foreign",
    "safe_name",
    "write_all",
    "write_atomically",
]


class FileSystem(Protocol):
    """The operations by which a run directory is changed. Each raises `OSError`; tests put faults here."""

    def open(self, path: Path, flags: int) -> int:
        """Open `path` with the flags of `os.open`; the new descriptor."""
        ...

    def write(self, descriptor: int, data: bytes) -> int:
        """Write some of `data`; how many bytes were taken."""
        ...

    def sync(self, descriptor: int) -> None:
        """Return once the data of a file would survive a power cut."""
        ...

    def truncate(self, descriptor: int, length: int) -> None:
        """Cut a file to `length` bytes."""
        ...

    def close(self, descriptor: int) -> None:
        """Close a descriptor."""
        ...

    def replace(self, source: Path, target: Path) -> None:
        """Rename `source` over `target` in one step."""
        ...

    def remove(self, path: Path) -> None:
        """Delete a file."""
        ...

    def sync_folder(self, path: Path) -> None:
        """Return once the names in a folder would survive a power cut."""
        ...


class LocalFileSystem:
    """The `FileSystem` of the machine."""

    _sync = staticmethod(getattr(os, "fdatasync", os.fsync))

    def open(self, path: Path, flags: int) -> int:
        """Open `path`; new files are readable by all and writable by their owner, as the umask allows."""
        return os.open(path, flags | os.O_CLOEXEC, 0o644)

    def write(self, descriptor: int, data: bytes) -> int:
        """One `write`."""
        return os.write(descriptor, data)

    def sync(self, descriptor: int) -> None:
        """`fdatasync`, or `fsync` where there is none."""
        self._sync(descriptor)

    def truncate(self, descriptor: int, length: int) -> None:
        """`ftruncate`."""
        os.ftruncate(descriptor, length)

    def close(self, descriptor: int) -> None:
        """`close`."""
        os.close(descriptor)

    def replace(self, source: Path, target: Path) -> None:
        """`rename`."""
        source.replace(target)

    def remove(self, path: Path) -> None:
        """`unlink`."""
        path.unlink()

    def sync_folder(self, path: Path) -> None:
        """`fsync` of the folder."""
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def naming(path: Path, action: str = "write") -> Iterator[None]:
    """Turn an `OSError` inside the block into a `StoreError` that names `path`."""
    try:
        yield
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        cure = "free some space" if full else "check the disk and the permissions"
        raise StoreError(
            f"cannot {action} {path}: {error.strerror or error}",
            hint=f"{cure}, then run the same command again; everything acknowledged so far is kept",
        ) from error


@contextlib.contextmanager
def naming_input(path: Path) -> Iterator[None]:
    """`naming` of a file that is read because somebody named it: one that is not there is an `InputError`."""
    with naming(path, "read"):
        try:
            yield
        except FileNotFoundError as error:
            raise InputError(
                f"cannot read {path}: {error.strerror or error}", hint="check the path"
            ) from error


def write_all(files: FileSystem, descriptor: int, data: bytes) -> None:
    """Write the whole of `data`, however many calls it takes."""
    rest = memoryview(data)
    while rest:
        rest = rest[files.write(descriptor, bytes(rest)) :]


def write_atomically(files: FileSystem, path: Path, data: bytes) -> None:
    """Make `data` the content of `path`: write beside it, sync, rename, sync the folder.

    Raises:
        StoreError: If it cannot; `path` then still has its old content.
    """
    beside = path.with_name(f".{path.name}.new")
    with naming(path):
        try:
            descriptor = files.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            try:
                write_all(files, descriptor, data)
                files.sync(descriptor)
            finally:
                files.close(descriptor)
            files.replace(beside, path)
        except OSError:
            with contextlib.suppress(OSError):
                beside.unlink()
            raise
        files.sync_folder(path.parent)


_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_LONGEST = 120


def refuse_foreign(
    path: Path, what: str, *, marks: Collection[str] = (), beside: Collection[str] = ()
) -> None:
    """Raise `RunConflictError` for a folder that is neither empty nor one of `what`.

    Args:
        path: The folder, which need not be there.
        what: What it should hold, in words.
        marks: Names of which one is in every folder of `what`.
        beside: Names that may be there before any of them.

    Raises:
        RunConflictError: It holds something else.
        StoreError: It is no folder, or cannot be read.
    """
    with naming(path):
        held = {each.name for each in path.iterdir()} if path.exists() else set()
    if held - {*beside} and not held & {*marks}:
        raise RunConflictError(
            f"{path} is not empty and holds no {what}", hint="name a new or an empty folder"
        )


@contextlib.contextmanager
def folder_made(path: Path) -> Iterator[None]:
    """A folder for what the block writes; if the block fails and has left nothing there, what was made goes again.

    Raises:
        StoreError: It cannot be made.
    """
    with naming(path):
        made = [each for each in (path, *path.parents) if not each.exists()]
        path.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            for each in made:
                each.rmdir()
        raise


def safe_name(name: str) -> str:
    """`name` as one plain file name, valid on every common file system.

    A name that is plain already is kept. Any other one has its odd characters replaced and a hash of the
    original put before its suffix, so that different names stay different.
    """
    plain = _UNSAFE.sub("_", name)
    fine = plain == name and 0 < len(name) <= _LONGEST and name[0] not in ".-" and name[-1] != "."
    if fine and not _DEVICE.fullmatch(name):
        return name
    stem, dot, suffix = plain.lstrip(".-").rpartition(".")
    if not dot or not stem or not suffix.isalnum() or len(suffix) > 8:
        stem, suffix = plain.lstrip(".-"), ""
    digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
    safe = f"{stem[:_LONGEST] or 'x'}_{digest}" + (f".{suffix}" if suffix else "")
    return f"_{safe}" if _DEVICE.fullmatch(safe) else safe
