"""An engine with a meter on it: what was asked, what came back, how full it was, and whose CPU it took."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

from omega_fast.backends.base import Backend, Prompt, fault_in
from omega_fast.records import Generation, GenerationRequest, Question
from omega_fast.speed import Speed

__all__ = ["Metered"]

_Found = TypeVar("_Found")


class Metered:
    """A `Backend` that passes everything on and keeps count.

    Args:
        backend: The engine; it is not closed with this.
        keep: How many requests are kept for a later `requests`.
    """

    def __init__(self, backend: Backend, keep: int = 0) -> None:
        self.requests: list[GenerationRequest] = []
        self._backend = backend
        self._keep = keep
        self._in_flight: set[int] = set()
        self._draws = self._tokens = 0
        self._began = self._noted = self._ended = self._full_seconds = 0.0
        self._cpu_before = self._cpu_in_engine = self._cpu_after = 0.0

    @property
    def slots(self) -> int:
        """The engine's."""
        return self._backend.slots

    def fingerprint(self) -> Mapping[str, Any]:
        """The engine's."""
        return self._backend.fingerprint()

    def prompt(self, question: Question) -> Prompt:
        """The engine's."""
        return self._backend.prompt(question)

    def submit(self, requests: Sequence[GenerationRequest]) -> None:
        """Queue requests."""
        if not self._began and requests:
            self._began = self._noted = time.perf_counter()
            self._cpu_before = time.thread_time()
        self._note()
        self.requests.extend(requests[: max(0, self._keep - len(self.requests))])
        self._in_flight.update(request.id for request in requests)
        self._timed(lambda: self._backend.submit(requests))

    def cancel(self, ids: Collection[int]) -> None:
        """Forget these requests."""
        self._note()
        self._in_flight.difference_update(ids)
        self._timed(lambda: self._backend.cancel(ids))

    def poll(self, timeout: float) -> list[Generation]:
        """What has finished."""
        done = self._timed(lambda: self._backend.poll(timeout))
        self._note()
        for generation in done:
            self._in_flight.discard(generation.id)
            if not fault_in(generation):
                self._draws += 1
                self._tokens += generation.n_tokens
        if done:
            self._ended, self._cpu_after = self._noted, time.thread_time() - self._cpu_in_engine
        return done

    def close(self) -> None:
        """Leave the engine open: its owner closes it."""

    def speed(self) -> Speed:
        """From the first request to the last answer; all 0 if there was none."""
        seconds = max(0.0, self._ended - self._began)
        own = self._cpu_after - self._cpu_before if seconds else 0.0
        return Speed(
            draws=self._draws,
            tokens=self._tokens,
            seconds=seconds,
            busy=min(1.0, self._full_seconds / (seconds * self.slots)) if seconds else 0.0,
            own_cpu_us_a_draw=1e6 * own / max(1, self._draws),
        )

    def _note(self) -> None:
        now = time.perf_counter()
        self._full_seconds += (now - self._noted) * min(len(self._in_flight), self.slots)
        self._noted = now

    def _timed(self, call: Callable[[], _Found]) -> _Found:
        before = time.thread_time()
        try:
            return call()
        finally:
            self._cpu_in_engine += time.thread_time() - before
