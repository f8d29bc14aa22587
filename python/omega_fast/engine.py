"""The pump: what the search wants goes to the engine, what comes back is logged, judged and handed in.

Its one loop is `Pump.step`. It decides nothing; stop it anywhere and the log has all that was paid for.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from threading import Event
from typing import TYPE_CHECKING, Any, Protocol

from omega_fast._core import Response
from omega_fast.backends.base import Backend
from omega_fast.dispatch import Dispatch, Job, PumpSettings
from omega_fast.journal import DrawKey, lost_body, rollout_body, verdict_body
from omega_fast.records import FinishReason, Generation, GenerationRequest, Judgement, Question
from omega_fast.search.book import QuestionBook
from omega_fast.search.recorded import RecordedResponses, response
from omega_fast.spending.purse import Purse, RunBudgets
from omega_fast.verifiers.base import Verifier
from omega_fast.verifiers.majority import MajorityVerifier

if TYPE_CHECKING:
    from omega_fast._core import Request

__all__ = ["Log", "Pump", "Traffic"]

_ENGINE_WAIT_S = 0.25
_VERIFIER_WAIT_S = 0.05
_SHORT_WAIT_S = 0.02
_LAST_VERDICTS_S = 2.0
"""How long a spent budget waits for another verdict before the next start is left to judge the rest."""


class Log(Protocol):
    """Where records go; a run directory, or nothing."""

    def append(self, kind: str, body: dict[str, Any]) -> None:
        """Keep a record; durable soon."""
        ...

    def tick(self) -> None:
        """Make what has waited long enough durable."""
        ...


@dataclass(slots=True)
class Traffic:
    """What went through the pump in this session; recorded responses are not counted.

    Of the draws made before a decision asked for them, `speculative_used` were asked for afterwards,
    `speculative_unused` came back for nothing so far, and `cancelled` were stopped on the way.
    `waited_for_verdicts` are the seconds in which the engine had nothing to do, while answers were being checked.
    """

    rollouts: int = 0
    tokens: int = 0
    truncated: int = 0
    retries: int = 0
    lost: int = 0
    speculative_used: int = 0
    speculative_unused: int = 0
    cancelled: int = 0
    waited_for_verdicts: float = 0.0


@dataclass(slots=True, eq=False)
class _Job(Job):
    request: Request
    key: DrawKey


class Pump:
    """Drives a `QuestionBook` with an engine and a verifier.

    Args:
        book: The questions, all added.
        recorded: Answers from the log, tried before the engine.
        backend: The engine.
        verifier: Judges what comes back.
        log: Gets every rollout and verdict before the search does.
        opening: The marker of a thought that the prompts leave open; the verifier is shown it before every solution.
        settings: How hard to push.
        stop: Once set, nothing new goes out; what the engine is working on is awaited for the grace time.
        purse: The budgets of the whole run; by default there are none. Once one is reached, nothing new goes out, and
            what is out comes home.
    """

    def __init__(
        self,
        book: QuestionBook,
        recorded: RecordedResponses,
        backend: Backend,
        verifier: Verifier,
        log: Log,
        *,
        opening: str = "",
        settings: PumpSettings | None = None,
        stop: Event | None = None,
        purse: Purse | None = None,
    ) -> None:
        self.traffic = Traffic()
        self._book = book
        self._recorded = recorded
        self._backend = backend
        self._verifier = verifier
        self._log = log
        self._opening = opening
        self._settings = settings or PumpSettings()
        self._stop = stop or Event()
        self._purse = purse or Purse(RunBudgets(), book.account, backend.prompt, time.monotonic)
        self._dispatch = Dispatch(
            backend, self._purse, self._settings, self._asked, lambda: recorded.rollouts > 0
        )
        self._ids = itertools.count()
        self._early: dict[tuple[int, int], _Job] = {}
        self._with_verifier: dict[int, tuple[_Job, Generation]] = {}
        self._named_majorities: set[str] = set()
        self._last_verdict = time.monotonic()

    @property
    def in_flight(self) -> int:
        """Requests with the engine or the verifier."""
        return self._dispatch.in_flight + len(self._with_verifier)

    def run(self, on_step: Callable[[], None] = lambda: None) -> bool:
        """Pump until every question is finished, stopped, or a budget of the run is reached; whether they all are.

        Args:
            on_step: Called after every step.

        Raises:
            BackendError: If the engine is gone, hangs, or fails whatever it is asked. The log has all that came.
            StoreError: If the log cannot be written.
        """
        try:
            return self._run(on_step)
        finally:
            self._dispatch.close()

    def _run(self, on_step: Callable[[], None]) -> bool:
        self._hand_in(self._route(self._recorded.take_unclaimed()))
        deadline = None
        while not self._book.scheduler.is_done:
            self._purse.look_at_the_clock()
            if self._purse.reached and self._is_home():
                return False
            if self._stop.is_set() or self._purse.reached == "max_time":
                deadline = deadline or time.monotonic() + self._settings.grace_s
                self._cancel(list(self._early))
                # What the engine has given is in the log; the verifier can judge it at the next start.
                no_more = not self._dispatch.in_flight and self._stop.is_set()
                if no_more or time.monotonic() > deadline:
                    self._dispatch.abandon()
                    return False
            self.step()
            on_step()
        return True

    def step(self) -> None:
        """One turn: send out, take in, log, judge, hand over."""
        answers = self._fill()
        for job, generation in self._dispatch.poll(self._patience()):
            self._receive(job, generation)
        self.traffic.retries = self._dispatch.retries
        idle = not self._dispatch.in_flight and not answers
        asked = time.monotonic()
        judged = self._verifier.poll(_VERIFIER_WAIT_S if idle else 0.0)
        if idle and self._with_verifier:
            self.traffic.waited_for_verdicts += time.monotonic() - asked
        for job_id, judgement in judged:
            answers.append(self._judged(*self._with_verifier.pop(job_id), judgement))
        answers.extend(self._declare_lost())
        self._hand_in(answers)
        self._cancel(self._book.scheduler.poll_cancels())
        self._log.tick()

    def _is_home(self) -> bool:
        """Whether all that went out is back and judged, as far as it can be: a vote may wait for further draws."""
        if self._dispatch.in_flight:
            return False
        return not self._with_verifier or time.monotonic() - self._last_verdict > _LAST_VERDICTS_S

    def _patience(self) -> float:
        """Seconds the engine may keep the pump; few where a verdict may be what an empty slot waits for."""
        calm = self._dispatch.is_full or not self._with_verifier
        return _ENGINE_WAIT_S if calm else _SHORT_WAIT_S

    def _fill(self) -> list[Response]:
        """Keep the engine's queue full; the answers that the log had already."""
        room = self._dispatch.room
        ends = self._stop.is_set() or bool(self._purse.reached)
        if ends or room <= 0:
            return []
        answers: list[Response] = []
        wanted = room - len(self._dispatch.waiting)
        if wanted > 0:
            answers = self._route(self._book.scheduler.poll_requests(wanted))
            answers += self._route(self._book.scheduler.poll_speculative(self._idle_slots()))
        self._dispatch.send(self._name_prefix)
        if self._purse.reached:
            self._last_verdict = time.monotonic()
        elif self._dispatch.is_stuck and not answers:
            # The verifier may still hold votes that wait for just these draws.
            self._dispatch.probe()
        return answers

    def _idle_slots(self) -> int:
        """Slots that nothing decided is for, as far as speculation may take them."""
        idle = self._backend.slots - self._dispatch.in_flight - len(self._dispatch.waiting)
        if idle <= 0 or not self._settings.speculation:
            return 0
        return min(idle, int(self._settings.speculation * self._backend.slots) - len(self._early))

    def _cancel(self, numbers: Iterable[tuple[int, int]]) -> None:
        """Stop speculative work; what the engine has finished already goes on like any other.

        So does what it is working on where every token counts: nobody would know how many it took.
        """
        found = [(number, job) for number in numbers if (job := self._early.get(number)) is not None]
        if self._purse.counts_every_token:
            found = [(number, job) for number, job in found if not self._dispatch.has(job)]
        if not found:
            return
        jobs = [self._early.pop(number) for number, _ in found]
        self._dispatch.cancel(jobs)
        self._hand_in([Response.cancelled(job.request) for job in jobs])

    def _route(self, requests: Iterable[Request]) -> list[Response]:
        """Answer requests from the log, have judged what it holds unjudged, and queue the rest for the engine."""
        answers: list[Response] = []
        for request in requests:
            key = self._book.key(request)
            answer = self._recorded.answer(request)
            if answer is not None:
                answers.append(answer)
                continue
            unjudged = self._recorded.take_unjudged(request)
            if unjudged is not None:
                early_prefix, generation = unjudged
                self._submit_check(_Job(request, replace(key, early_prefix=early_prefix)), generation)
                continue
            job = _Job(request, key)
            self._dispatch.waiting.append(job)
            if request.speculative:
                self._early[request.question, request.sequence] = job
        return answers

    def _asked(self, job: _Job, number: int) -> GenerationRequest:
        """The job as the engine sees it."""
        request = job.request
        return GenerationRequest(
            id=number,
            question=self._book.question(request),
            prefix=request.prefix,
            prefix_tokens=request.prefix_tokens,
            seed=request.seed,
            max_new_tokens=request.max_new_tokens,
            draw=request.draw,
        )

    def _name_prefix(self, job: _Job) -> None:
        """Draw 0 is a state's first, so the prefix is in the log before anything that continues it."""
        request = job.request
        if request.draw == 0 and not request.at_root and job.tries == 1:
            prefix = {"question": job.key.question, "state": request.state, "prefix": request.prefix}
            self._log.append("state", prefix)

    def _receive(self, job: _Job, generation: Generation | None) -> None:
        self._forget_early(job)
        if generation is None:
            return  # it failed in every try, and is lost if the engine turns out to work
        self.traffic.rollouts += 1
        self.traffic.tokens += generation.n_tokens
        self.traffic.truncated += generation.finish is FinishReason.LENGTH
        self._book.account.pay(job.key.question, generation)
        self._log.append("rollout", rollout_body(job.key, job.request.seed, generation))
        self._submit_check(job, generation)

    def _forget_early(self, job: _Job) -> None:
        """It cannot be cancelled any more."""
        if job.request.speculative:
            self._early.pop((job.request.question, job.request.sequence), None)

    def _submit_check(self, job: _Job, generation: Generation) -> None:
        job_id = next(self._ids)
        self._with_verifier[job_id] = (job, generation)
        self._verifier.submit(
            job_id,
            self._book.question(job.request),
            self._opening + job.request.prefix + generation.text,
            generation.finish,
            job.request.draw if job.request.at_root else None,
        )

    def _judged(self, job: _Job, generation: Generation, judgement: Judgement) -> Response:
        self._last_verdict = time.monotonic()
        self._name_majority(self._book.question(job.request))
        self._log.append("verdict", verdict_body(job.key, self._verifier.version, judgement))
        return response(job.request, generation, judgement)

    def _name_majority(self, question: Question) -> None:
        """Log the outcome of a question's vote, before the first verdict that rests on it; nobody may have voted."""
        if question.answer is not None or not isinstance(self._verifier, MajorityVerifier):
            return
        if question.id not in self._named_majorities:
            self._named_majorities.add(question.id)
            majority = self._verifier.majority(question.id)
            self._log.append("majority", {"question": question.id, "answer": majority})

    def _declare_lost(self) -> list[Response]:
        answers = []
        for job in self._dispatch.take_lost():
            self.traffic.lost += 1
            self._log.append("lost", lost_body(job.key, job.last_words, job.tries))
            if job.request.at_root:
                self._verifier.lost(self._book.question(job.request), job.request.draw)
            answers.append(Response.lost(job.request))
        return answers

    def _hand_in(self, answers: list[Response]) -> None:
        if answers:
            self._book.scheduler.handle_responses(answers)
            self._book.collect()
            if self._settings.speculation:
                _, *speculative = self._book.scheduler.speculation
                traffic = self.traffic
                traffic.speculative_used, traffic.cancelled, traffic.speculative_unused = speculative
        for epoch in self._book.epochs.take_new():
            self._log.append("epoch", epoch)
