"""A log kept by a thread of its own, so that whoever appends never waits for the disk."""

from __future__ import annotations

import queue
import time
from collections.abc import Mapping
from threading import Thread
from types import TracebackType
from typing import Any, Protocol, Self

__all__ = ["LogThread"]

_BATCHES_AHEAD = 16
_BATCH = 64
_WAIT_S = 0.05


class _Log(Protocol):
    def append(self, kind: str, body: Mapping[str, Any]) -> None: ...

    def commit(self) -> None: ...


class LogThread:
    """Appends to a log in order, from another thread; records go over by the dozen, or after 50 ms.

    A slow disk is waited for once it is a thousand records behind. Leaving the block hands over what is left and
    waits until the log has it; nobody else may use the log inside the block, and nobody may change a body.

    Args:
        log: What encodes, writes and syncs.

    Raises:
        StoreError: From any call after the log has failed, and from leaving the block; the first failure, with
            nothing kept of what came after it.
    """

    def __init__(self, log: _Log) -> None:
        self._log = log
        self._gathered: list[tuple[str, Mapping[str, Any]]] = []
        self._batches: queue.Queue[list[tuple[str, Mapping[str, Any]]] | None] = queue.Queue(_BATCHES_AHEAD)
        self._since = 0.0
        self._failure: Exception | None = None
        self._thread = Thread(target=self._keep, name="log", daemon=True)

    def append(self, kind: str, body: Mapping[str, Any]) -> None:
        """Keep a record; it goes over with a later `tick`."""
        self._check()
        if not self._gathered:
            self._since = time.monotonic()
        self._gathered.append((kind, body))

    def tick(self) -> None:
        """Hand over what was appended, if it is enough or has waited long enough."""
        self._check()
        if self._gathered and (len(self._gathered) >= _BATCH or time.monotonic() - self._since >= _WAIT_S):
            self._batches.put(self._gathered)
            self._gathered = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._batches.put(self._gathered)
        self._batches.put(None)
        self._thread.join()
        if self._failure is not error:
            self._check()

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _keep(self) -> None:
        while True:
            records = self._batches.get()
            if records is None:
                return
            # After a failure records are taken and dropped, so that nobody waits for room for ever.
            if self._failure is None:
                try:
                    for kind, body in records:
                        self._log.append(kind, body)
                    # What came over has waited already; and a thread that waits with a timeout takes turns from
                    # an engine that shares the interpreter with it.
                    if self._batches.empty():
                        self._log.commit()
                except Exception as failure:  # whatever it is, the one who appends has to hear of it
                    self._failure = failure
