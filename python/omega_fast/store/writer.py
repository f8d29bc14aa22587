"""Writing the log: lines gathered into groups, synced together, and only then acknowledged."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from omega_fast.errors import StoreError
from omega_fast.store.base import LinePlace, SegmentReach, StoreOptions
from omega_fast.store.compression import compress
from omega_fast.store.files import FileSystem, naming, write_all, write_atomically
from omega_fast.store.lines import FIRST_CHAIN, seal
from omega_fast.store.segments import compressed_path, segment_path

__all__ = ["LogWriter"]


class LogWriter:
    """The one writer of a log. After the first failure it stops for good: every later call raises.

    Args:
        folder: The log's folder; it exists.
        reached: How far each segment reaches; the last one is continued.
        save_reach: Called with the same for all segments when one has been closed; keeps it durably.
        files: Where writes go.
        clock: Seconds from any fixed moment.
    """

    def __init__(
        self,
        folder: Path,
        reached: Sequence[SegmentReach],
        *,
        save_reach: Callable[[Sequence[SegmentReach]], None],
        options: StoreOptions,
        files: FileSystem,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._save_reach = save_reach
        self._options = options
        self._files = files
        self._clock = clock
        self._closed = list(reached[:-1])
        self._open = reached[-1] if reached else SegmentReach(1, 0, 0, FIRST_CHAIN.hex(), closed=False)
        self._acknowledged = sum(reach.lines for reach in reached)
        self._chain = bytes.fromhex(self._open.chain)
        self._buffer: list[bytes] = []
        self._buffered_bytes = 0
        self._buffered_since = 0.0
        self._stopped = ""
        self._descriptor = -1
        with self._stopping():
            self._descriptor = self._open_segment(self._open)

    @property
    def acknowledged(self) -> int:
        """How many records of the run are durable: all with a smaller number."""
        return self._acknowledged

    @property
    def stopped(self) -> bool:
        """Whether the writer has failed or been closed."""
        return bool(self._stopped)

    @property
    def reached(self) -> tuple[SegmentReach, ...]:
        """How far each segment durably reaches."""
        return (*self._closed, self._open)

    @property
    def next_place(self) -> LinePlace:
        """Where the line that is appended next will stand."""
        number = self._acknowledged + len(self._buffer)
        return LinePlace(number, self._open.index, self._open.bytes + self._buffered_bytes)

    def append(self, kind: str, body: Mapping[str, Any]) -> None:
        """Add a record, and commit if the group is full or old enough.

        Raises:
            InputError: If the record is not JSON; nothing is added, and the writer goes on.
            StoreError: If writing has failed, now or before.
        """
        self._require_running()
        number = self._acknowledged + len(self._buffer)
        line, self._chain = seal(number, kind, body, self._chain)
        if not self._buffer:
            self._buffered_since = self._clock()
        self._buffer.append(line)
        self._buffered_bytes += len(line)
        if len(self._buffer) >= self._options.group_lines:
            self.commit()
        else:
            self.tick()

    def tick(self) -> None:
        """Commit if the oldest buffered line has waited long enough. Raises `StoreError` like `commit`."""
        self._require_running()
        if self._buffer and self._clock() - self._buffered_since >= self._options.group_seconds:
            self.commit()

    def commit(self) -> None:
        """Make every buffered record durable, and acknowledge it.

        Raises:
            StoreError: If writing has failed, now or before; the buffered records are dropped.
        """
        self._require_running()
        if not self._buffer:
            return
        data = b"".join(self._buffer)
        path = segment_path(self._folder, self._open.index)
        with self._stopping():
            with naming(path):
                write_all(self._files, self._descriptor, data)
                self._files.sync(self._descriptor)
            self._acknowledged += len(self._buffer)
            self._open = SegmentReach(
                index=self._open.index,
                lines=self._open.lines + len(self._buffer),
                bytes=self._open.bytes + len(data),
                chain=self._chain.hex(),
                closed=False,
            )
            self._forget_buffer()
            if self._open.bytes >= self._options.segment_bytes:
                self._begin_next_segment()

    def close(self) -> None:
        """Release the file without committing. May be called twice."""
        self._stopped = self._stopped or "the log is closed"
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            with contextlib.suppress(OSError):
                self._files.close(descriptor)

    def _require_running(self) -> None:
        if self._stopped:
            raise StoreError(f"writing has stopped: {self._stopped}", hint="open the run again")

    @contextlib.contextmanager
    def _stopping(self) -> Iterator[None]:
        try:
            yield
        except StoreError as error:
            self._stopped = error.message
            self._forget_buffer()
            self._cut_back()
            raise

    def _forget_buffer(self) -> None:
        self._buffer.clear()
        self._buffered_bytes = 0

    def _cut_back(self) -> None:
        # After a failed sync the kernel may show data that is not on the disk; nobody shall build on it.
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                self._files.truncate(self._descriptor, self._open.bytes)
        self.close()

    def _open_segment(self, reach: SegmentReach) -> int:
        path = segment_path(self._folder, reach.index)
        # A segment that has lines is only ever continued where they are, never begun anew.
        creating = 0 if reach.bytes else os.O_CREAT
        with naming(path):
            descriptor = self._files.open(path, os.O_WRONLY | os.O_APPEND | creating)
            try:
                # What was read back is built upon from here on, so it has to be on the disk first.
                self._files.truncate(descriptor, reach.bytes)
                self._files.sync(descriptor)
                self._files.sync_folder(self._folder)
            except OSError:
                with contextlib.suppress(OSError):
                    self._files.close(descriptor)
                raise
        return descriptor

    def _begin_next_segment(self) -> None:
        finished = dataclasses.replace(self._open, closed=True)
        following = SegmentReach(finished.index + 1, 0, 0, finished.chain, closed=False)
        full, descriptor = self._descriptor, self._open_segment(following)
        # From here on a failure cuts back the new segment, never the finished one.
        self._descriptor, self._open = descriptor, following
        self._closed.append(finished)
        with naming(segment_path(self._folder, finished.index)):
            self._files.close(full)
        self._save_reach(self.reached)
        if self._options.compress:
            self._compress(finished.index)

    def _compress(self, index: int) -> None:
        plain = segment_path(self._folder, index)
        with naming(plain, "read"):
            data = plain.read_bytes()
        write_atomically(self._files, compressed_path(self._folder, index), compress(data))
        with naming(plain, "remove"):
            self._files.remove(plain)
