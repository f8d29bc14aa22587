"""A few sandboxes behind one queue: submit from any thread, get a future, never wait."""

from __future__ import annotations

import contextlib
import os
import queue
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

from omega_fast.errors import ConfigError
from omega_fast.verifiers.sandbox import Limits, Reply, Sandbox

__all__ = ["WorkerPool", "default_workers"]

_MOST_BY_DEFAULT = 8


def default_workers() -> int:
    """Half the cores this process may use, at least one and at most eight: the engine needs some too."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(_MOST_BY_DEFAULT, max(1, cores // 2))


class WorkerPool:
    """Up to `workers` worker processes that run one check function, each served by a thread of its own.

    A thread, with its process, is added when a request finds all of them busy.

    Args:
        check: The function, as `module:function`.
        workers: How many processes, at least 1.
        limits: Deadline and memory of one check.
    """

    def __init__(self, check: str, workers: int, limits: Limits) -> None:
        if workers < 1:
            raise ConfigError(f"a verifier needs at least one worker, not {workers}", hint="give 1 or 2")
        self._sandboxes = [Sandbox(check, limits) for _ in range(workers)]
        self._jobs: queue.SimpleQueue[tuple[Mapping[str, Any], Future[Reply]] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._unfinished = 0
        self._closed = False

    @property
    def pids(self) -> list[int]:
        """The process ids of the living workers."""
        return [pid for sandbox in self._sandboxes if (pid := sandbox.pid) is not None]

    def start(self) -> str:
        """Start one worker now and return the hash of its check's source; `ConfigError` if it cannot."""
        return self._sandboxes[0].start()

    def submit(self, request: Mapping[str, Any]) -> Future[Reply]:
        """Queue a request; its future is cancelled if the pool closes first."""
        future: Future[Reply] = Future()
        with self._lock:
            if self._closed:
                raise ConfigError("the verifier is closed", hint="submit before closing")
            self._unfinished += 1
            if len(self._threads) < min(self._unfinished, len(self._sandboxes)):
                sandbox = self._sandboxes[len(self._threads)]
                thread = threading.Thread(target=self._serve, args=(sandbox,), name="verifier", daemon=True)
                self._threads.append(thread)
                thread.start()
            self._jobs.put((request, future))
        return future

    def close(self) -> None:
        """Kill the workers and cancel what waits. May be called twice."""
        with self._lock:
            self._closed = True
        for sandbox in self._sandboxes:
            sandbox.close()
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()

    def _serve(self, sandbox: Sandbox) -> None:
        while (job := self._jobs.get()) is not None:
            request, future = job
            if self._closed:
                future.cancel()
            elif future.set_running_or_notify_cancel():
                reply = sandbox.ask(request)
                with self._lock:
                    self._unfinished -= 1
                future.set_result(reply)
                if sandbox.pid is None:
                    self._replace(sandbox)

    def _replace(self, sandbox: Sandbox) -> None:
        """Start the successor of a killed worker before its next request needs it."""
        # What keeps a worker from starting is told to the next request, which tries again.
        with contextlib.suppress(ConfigError):
            sandbox.start()
