"""The lock of a run directory: one living writer at a time, and a dead one's lock taken over."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import socket
from dataclasses import asdict
from pathlib import Path

import orjson
import psutil

from omega_fast.errors import RunLockedError
from omega_fast.store.base import LockOwner
from omega_fast.store.files import FileSystem, naming, write_all

__all__ = ["RunLock"]

_NO_FLOCK = {errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS}
_CLOCK_DRIFT = 2.0
"""Seconds by which two readings of one process's start may differ after the clock was set."""


class RunLock:
    """The lock file, held from construction until `release`.

    It is created exclusively, names its owner, and is also locked with `flock`, which the kernel drops when
    the owner dies. Where a file system has no `flock`, the owner named in the file alone decides.

    Args:
        path: The lock file.
        files: Where its content is written.

    Attributes:
        stale: The dead process it was taken over from, if it was.

    Raises:
        RunLockedError: If another process may still be writing; the message names it.
        StoreError: If the file cannot be written.
    """

    def __init__(self, path: Path, files: FileSystem) -> None:
        self._path = path
        self.stale: LockOwner | None = None
        with naming(path):
            self._descriptor = self._claim()
            try:
                os.ftruncate(self._descriptor, 0)
                write_all(files, self._descriptor, orjson.dumps(asdict(_this_process())) + b"\n")
                files.sync(self._descriptor)
            except OSError:
                self.release()
                raise

    def release(self) -> None:
        """Remove the lock file and let go of it. May be called twice."""
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                if os.path.samestat(self._path.stat(), os.fstat(self._descriptor)):
                    self._path.unlink()
            os.close(self._descriptor)
            self._descriptor = -1

    def _claim(self) -> int:
        while True:
            try:
                descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
                created = True
            except FileExistsError:
                created = False
                try:
                    descriptor = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
                except FileNotFoundError:
                    continue  # released in between
            try:
                exclusive = _flock(descriptor)
                owner = _read_owner(descriptor)
                if not created or exclusive is False:
                    self._require_dead(owner, exclusive=exclusive)
                if self._is_still(descriptor):
                    self.stale = owner
                    return descriptor
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)

    def _is_still(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(self._path.stat(), os.fstat(descriptor))
        except FileNotFoundError:
            return False

    def _require_dead(self, owner: LockOwner | None, *, exclusive: bool | None) -> None:
        by_hand = f"if you are sure that nothing writes to this run any more, delete {self._path}"
        if owner is None:
            if exclusive:
                return  # created by a process that died before it could write its name
            raise RunLockedError(f"{self._path} is held by a process that has not named itself", hint=by_hand)
        name = f"process {owner.pid} on {owner.host}"
        if owner.host != socket.gethostname():
            raise RunLockedError(
                f"{self._path} is held by {name}; whether it still runs cannot be seen from here",
                hint=by_hand,
            )
        if _lives(owner):
            raise RunLockedError(
                f"{self._path} is held by {name}, which is running", hint="wait for it or end it"
            )
        if exclusive is False:
            raise RunLockedError(
                f"{self._path} is held by a child of {name}, which is dead", hint="end its remaining children"
            )


def _this_process() -> LockOwner:
    process = psutil.Process()
    return LockOwner(process.pid, socket.gethostname(), process.create_time(), secrets.token_hex(8))


def _lives(owner: LockOwner) -> bool:
    try:
        process = psutil.Process(owner.pid)
        same: bool = abs(process.create_time() - owner.started) < _CLOCK_DRIFT
        return same and process.status() != str(psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _flock(descriptor: int) -> bool | None:
    """Whether the file is now ours alone; `None` where the file system cannot tell."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in _NO_FLOCK:
            return None
        raise
    return True


def _read_owner(descriptor: int) -> LockOwner | None:
    data = os.pread(descriptor, 4096, 0)
    try:
        return LockOwner(**orjson.loads(data))
    except (orjson.JSONDecodeError, TypeError):
        return None
