"""An event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Collection, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

__all__ = ["LoopThread"]

_T = TypeVar("_T")


class LoopThread:
    """Runs coroutines beside the caller; it ends with `close`, or with the process.

    Args:
        name: Of the thread.
        blocking: Signals that the thread, and whatever processes it starts, do not get.
    """

    def __init__(self, name: str, blocking: Collection[signal.Signals] = ()) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, args=(blocking,), name=name, daemon=True)
        self._thread.start()

    def start(self, work: Coroutine[Any, Any, _T]) -> Future[_T]:
        """Run a coroutine; does not wait. To cancel what is returned cancels it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Wait for a coroutine."""
        return self.start(work).result()

    def call(self, function: Callable[..., object], *arguments: object) -> None:
        """Have a function called in the loop, soon; does not wait."""
        self._loop.call_soon_threadsafe(function, *arguments)

    def close(self) -> None:
        """Cancel what runs, and end the thread."""
        self.run(_cancel_others())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, blocking: Collection[signal.Signals]) -> None:
        if blocking:
            signal.pthread_sigmask(signal.SIG_BLOCK, blocking)
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for other in others:
        other.cancel()
    await asyncio.gather(*others, return_exceptions=True)
