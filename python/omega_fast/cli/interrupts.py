"""^C and SIGTERM during a job: the first asks it to drain, the second ends it; both leave it resumable."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from types import FrameType

from omega_fast.cli.outcome import say

__all__ = ["stop_on_signals"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stop_on_signals(
    first: str = "stopping: waiting for what is in flight; once more to stop now",
) -> Iterator[Event]:
    """An event that the first signal sets, which is told as `first`; the second raises `KeyboardInterrupt`.

    For the main thread.
    """
    stop = Event()

    def handle(number: int, frame: FrameType | None) -> None:
        del number, frame
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        say(first)

    before = {number: signal.signal(number, handle) for number in _SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
