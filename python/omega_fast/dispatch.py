"""Requests on their way to an engine and back: within budgets, tried again, and lost only if the engine works."""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from omega_fast.backends.base import Backend, CountsTraffic, fault_in
from omega_fast.errors import BackendError
from omega_fast.records import FREE, Generation, GenerationRequest, Usage
from omega_fast.spending.account import usage_of
from omega_fast.spending.purse import Purse

__all__ = ["Dispatch", "Job", "PumpSettings"]

_PROBE_SEED = 1


@dataclass(frozen=True, slots=True)
class PumpSettings:
    """How hard to push, none of which changes a label.

    Attributes:
        retries: Further tries of a failed generation, unless the engine has tried again itself and given up.
        stall_s: Seconds without a token back while requests are out, after which the engine counts as hung.
        grace_s: Seconds to wait for requests in flight once the run was asked to stop.
        queue: Requests kept with the engine, in multiples of its slots.
        speculation: Share of the engine's slots that draws may take which no decision has asked for yet, where the
            search has nothing else for them.
    """

    retries: int = 2
    stall_s: float = 600.0
    grace_s: float = 30.0
    queue: int = 2
    speculation: float = 0.0


@dataclass(slots=True, kw_only=True, eq=False)
class Job:
    """A request through all its tries.

    Attributes:
        tries: How often it went out.
        ticket: The number under which it last did.
        aside: What is set aside for it while it is out.
        last_words: Why its last try failed.
    """

    tries: int = 0
    ticket: int = -1
    aside: Usage = FREE
    last_words: str = ""


JobT = TypeVar("JobT", bound=Job)


class Dispatch(Generic[JobT]):
    """Sends jobs to an engine and takes in what comes back; it knows nothing of what they are for.

    A job that fails in every try is set apart until the engine has shown that it works: only then is it lost. With
    nothing but such jobs left, the engine is asked for something that came before; one that fails at that is gone.

    Args:
        backend: The engine.
        purse: The budgets of the whole run.
        settings: How hard to push.
        asked: A job as the engine sees it, under a number.
        worked_before: Whether an earlier start of the run had anything from the engine.

    Attributes:
        waiting: Jobs to send, in order.
        retries: Failed tries that were followed by another.
    """

    def __init__(
        self,
        backend: Backend,
        purse: Purse,
        settings: PumpSettings,
        asked: Callable[[JobT, int], GenerationRequest],
        worked_before: Callable[[], bool],
    ) -> None:
        self.waiting: deque[JobT] = deque()
        self.retries = 0
        self._backend = backend
        self._purse = purse
        self._settings = settings
        self._asked = asked
        self._worked_before = worked_before
        self._numbers = itertools.count()
        self._out: dict[int, JobT] = {}
        self._failed: list[JobT] = []
        self._lost: list[JobT] = []
        self._good: JobT | None = None
        self._probe: int | None = None
        self._longest = 0
        self._last_sign = time.monotonic()
        # Asked once: to ask whether an object fits a protocol takes longer than all else that is done for an answer.
        self._counts = backend.counts if isinstance(backend, CountsTraffic) else dict[str, int]
        self._paid_twice = self._count_paid_twice()

    @property
    def in_flight(self) -> int:
        """Jobs that the engine has."""
        return len(self._out)

    @property
    def room(self) -> int:
        """Jobs that the engine's queue can take."""
        return self._settings.queue * self._backend.slots - len(self._out)

    @property
    def is_full(self) -> bool:
        """Whether every slot of the engine has work."""
        return len(self._out) >= self._backend.slots

    @property
    def is_stuck(self) -> bool:
        """Whether nothing is left but jobs that failed in every try."""
        return bool(self._failed) and not self._out and not self.waiting

    def has(self, job: JobT) -> bool:
        """Whether the engine has this job now."""
        return job.ticket in self._out

    def send(self, on_sent: Callable[[JobT], None] = lambda _: None) -> None:
        """Send what waits, as far as room and budgets go; with nothing out, a budget short of the next is reached.

        Args:
            on_sent: Told each job, booked and not yet with the engine.
        """
        requests: list[GenerationRequest] = []
        room = self.room
        while self.waiting and len(requests) < room:
            request = self._asked(self.waiting[0], next(self._numbers))
            if not self._book(self.waiting[0], request):
                break
            on_sent(self.waiting.popleft())
            requests.append(request)
        if requests:
            if len(self._out) == len(requests):
                self._last_sign = time.monotonic()
            self._backend.submit(requests)
        elif self.waiting and not self._out:
            self._purse.stop_short_of(self._asked(self.waiting[0], next(self._numbers)))

    def poll(self, timeout: float) -> Iterator[tuple[JobT, Generation | None]]:
        """What is back: jobs with what came of them, or with nothing after the last try.

        Raises:
            BackendError: If the engine is gone, or has said nothing for too long.
        """
        if not self._out:
            return
        for generation in self._backend.poll(timeout):
            self._last_sign = time.monotonic()
            job = self._out.pop(generation.id, None)
            if job is not None:  # else it was cancelled
                yield from self._receive(job, generation)
        silent_s = time.monotonic() - self._last_sign
        if self._out and silent_s > self._settings.stall_s:
            raise BackendError(
                f"the engine gave nothing for {self._settings.stall_s:.0f} s with {len(self._out)} requests in flight",
                hint="look at the engine, then run the same command again: it resumes",
            )

    def probe(self) -> None:
        """Ask for something easy: nothing is left but failures, and a dead engine must not look like them.

        Raises:
            BackendError: If nothing ever came from the engine.
        """
        if self._good is None and not self._worked_before():
            raise self._gone(f"failed all {len(self._failed)} requests", self._failed[-1].last_words)
        # What came before can come again; if it came in an earlier start, the bare question has to do.
        job = self._good or self._failed[-1]
        request = self._asked(job, next(self._numbers))
        if self._good is None:
            request = replace(request, prefix="", prefix_tokens=(), seed=_PROBE_SEED, draw=0)
        if not self._book(job, request):
            self._purse.stop_short_of(request)
            return
        self._probe = request.id
        self._last_sign = time.monotonic()
        self._backend.submit([request])

    def take_lost(self) -> list[JobT]:
        """Jobs found lost since the last call."""
        lost, self._lost = self._lost, []
        return lost

    def cancel(self, jobs: Collection[JobT]) -> None:
        """Stop jobs, wherever they are; what the engine was working on counts as paid for."""
        running = [job for job in jobs if self._out.pop(job.ticket, None) is not None]
        self._backend.cancel([job.ticket for job in running])
        for job in running:
            self._purse.give_back(job.aside)
            self._purse.write_off(job.aside)
        gone = set(map(id, jobs))
        self.waiting = deque(job for job in self.waiting if id(job) not in gone)

    def abandon(self) -> None:
        """Stop all that the engine has; `close` counts it."""
        self._backend.cancel(list(self._out))

    def close(self) -> None:
        """Nobody will see what the jobs still out took, and it may have to be paid for."""
        for job in self._out.values():
            self._purse.write_off(job.aside)

    def _book(self, job: JobT, request: GenerationRequest) -> bool:
        """Book the job as out under this request; not if a budget does not have it."""
        aside = self._purse.take(request)
        if aside is None:
            return False
        job.aside, job.ticket = aside, request.id
        job.tries += 1
        self._out[request.id] = job
        self._longest = max(self._longest, request.max_new_tokens)
        return True

    def _receive(self, job: JobT, generation: Generation) -> Iterator[tuple[JobT, Generation | None]]:
        self._purse.give_back(job.aside)
        self._write_off_lost()
        # What the log or the search could not take must not reach them: the run would stop at it for good.
        fault = fault_in(generation)
        if generation.id == self._probe:
            self._probe = None
            self._purse.write_off(usage_of(generation))
            if fault:
                raise self._gone(f"stopped working, {len(self._failed)} requests failed", fault)
            self._trust_engine()
        elif not fault:
            self._good = job
            self._trust_engine()
            self._purse.learn_prompt(job.aside, usage_of(generation))
            yield job, generation
        else:
            job.last_words = fault
            if job.tries <= self._settings.retries and not generation.given_up:
                self.retries += 1
                self.waiting.append(job)
            else:
                self._failed.append(job)
                yield job, None

    def _trust_engine(self) -> None:
        """What failed in every try before the engine worked again is lost; it was not the engine that was gone."""
        self._lost.extend(self._failed)
        self._failed.clear()

    def _gone(self, what: str, last_words: str) -> BackendError:
        return BackendError(
            f"the engine {what}; the last said: {last_words}",
            hint="mend the engine, then run the same command again: it resumes",
        )

    def _write_off_lost(self) -> None:
        before, self._paid_twice = self._paid_twice, self._count_paid_twice()
        if self._paid_twice > before:
            self._purse.write_off_lost(self._paid_twice - before, self._longest)

    def _count_paid_twice(self) -> int:
        return self._counts().get("paid_twice", 0)
