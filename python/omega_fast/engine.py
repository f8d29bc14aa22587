"""The pump: what the search wants goes to the engine, what comes back is logged, judged and handed in.

Its one loop is `Pump.step`. It decides nothing; stop it anywhere and the log has all that was paid for.
"""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from threading import Event
from typing import TYPE_CHECKING, Any, Protocol

from omega_fast._core import Response
from omega_fast.backends.base import Backend, CountsTraffic, fault_in
from omega_fast.errors import BackendError
from omega_fast.journal import DrawKey, lost_body, rollout_body, verdict_body
from omega_fast.records import FREE, FinishReason, Generation, GenerationRequest, Judgement, Question, Usage
from omega_fast.search.book import QuestionBook
from omega_fast.search.recorded import RecordedResponses, response
from omega_fast.spending.account import usage_of
from omega_fast.spending.purse import Purse, RunBudgets
from omega_fast.verifiers.base import Verifier
from omega_fast.verifiers.majority import MajorityVerifier

if TYPE_CHECKING:
    from omega_fast._core import Request

__all__ = ["Log", "Pump", "PumpSettings", "Traffic"]

_ENGINE_WAIT_S = 0.25
_VERIFIER_WAIT_S = 0.05
_SHORT_WAIT_S = 0.02
_PROBE_SEED = 1
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

    def check_silence(self, silent_s: float, in_flight: int) -> None:
        """Raises `BackendError` if an engine with requests in flight has said nothing for longer than `stall_s`."""
        if silent_s > self.stall_s:
            raise BackendError(
                f"the engine gave nothing for {self.stall_s:.0f} s with {in_flight} requests in flight",
                hint="look at the engine, then run the same command again: it resumes",
            )


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


@dataclass(slots=True)
class _Job:
    request: Request
    key: DrawKey
    tries: int = 0
    ticket: int = -1
    aside: Usage = FREE


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
        self._ids = itertools.count()
        self._waiting: deque[_Job] = deque()
        self._with_engine: dict[int, _Job] = {}
        self._early: dict[tuple[int, int], _Job] = {}
        self._with_verifier: dict[int, tuple[_Job, Generation]] = {}
        self._failed: list[tuple[_Job, str]] = []
        self._lost: list[tuple[_Job, str]] = []
        self._last_good: _Job | None = None
        self._probe: int | None = None
        self._named_majorities: set[str] = set()
        self._last_sign = time.monotonic()
        self._last_verdict = time.monotonic()
        # Asked once: to ask whether an object fits a protocol takes longer than all else that is done for an answer.
        self._counts = backend.counts if isinstance(backend, CountsTraffic) else dict[str, int]
        self._paid_twice = self._count_paid_twice()

    @property
    def in_flight(self) -> int:
        """Requests with the engine or the verifier."""
        return len(self._with_engine) + len(self._with_verifier)

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
            # Nobody will see what these took, and it may have to be paid for.
            for job in self._with_engine.values():
                self._purse.write_off(job.aside)

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
                no_more = not self._with_engine and self._stop.is_set()
                if no_more or time.monotonic() > deadline:
                    self._backend.cancel(list(self._with_engine))
                    return False
            self.step()
            on_step()
        return True

    def step(self) -> None:
        """One turn: send out, take in, log, judge, hand over."""
        answers = self._fill()
        for generation in self._backend.poll(self._patience()) if self._with_engine else ():
            self._last_sign = time.monotonic()
            self._receive(generation)
        idle = not self._with_engine and not answers
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
        if self._with_engine:
            self._settings.check_silence(time.monotonic() - self._last_sign, len(self._with_engine))

    def _is_home(self) -> bool:
        """Whether all that went out is back and judged, as far as it can be: a vote may wait for further draws."""
        if self._with_engine:
            return False
        return not self._with_verifier or time.monotonic() - self._last_verdict > _LAST_VERDICTS_S

    def _patience(self) -> float:
        """Seconds the engine may keep the pump; few where a verdict may be what an empty slot waits for."""
        full = len(self._with_engine) >= self._backend.slots
        return _ENGINE_WAIT_S if full or not self._with_verifier else _SHORT_WAIT_S

    def _fill(self) -> list[Response]:
        """Keep the engine's queue full; the answers that the log had already."""
        room = self._settings.queue * self._backend.slots - len(self._with_engine)
        if self._stop.is_set() or self._purse.reached or room <= 0:
            return []
        answers: list[Response] = []
        if len(self._waiting) < room:
            answers = self._route(self._book.scheduler.poll_requests(room - len(self._waiting)))
            answers += self._route(self._book.scheduler.poll_speculative(self._idle_slots()))
        requests: list[GenerationRequest] = []
        while self._waiting and len(requests) < room:
            request = self._asked(self._waiting[0])
            aside = self._purse.take(request)
            if aside is None:
                break
            self._waiting[0].aside = aside
            requests.append(self._sent(self._waiting.popleft(), request))
        if requests:
            if len(self._with_engine) == len(requests):
                self._last_sign = time.monotonic()
            self._backend.submit(requests)
        elif self._waiting and not self._with_engine:
            self._purse.stop_short_of(self._asked(self._waiting[0]))
            self._last_verdict = time.monotonic()
        elif self._failed and not answers and not self._with_engine:
            # The verifier may still hold votes that wait for just these draws.
            self._probe_engine()
        return answers

    def _idle_slots(self) -> int:
        """Slots that nothing decided is for, as far as speculation may take them."""
        idle = self._backend.slots - len(self._with_engine) - len(self._waiting)
        if idle <= 0 or not self._settings.speculation:
            return 0
        return min(idle, int(self._settings.speculation * self._backend.slots) - len(self._early))

    def _cancel(self, numbers: Iterable[tuple[int, int]]) -> None:
        """Stop speculative work; what the engine has finished already goes on like any other.

        So does what it is working on where every token counts: nobody would know how many it took.
        """
        found = [(number, job) for number in numbers if (job := self._early.get(number)) is not None]
        if self._purse.counts_every_token:
            found = [(number, job) for number, job in found if job.ticket not in self._with_engine]
        if not found:
            return
        jobs = [self._early.pop(number) for number, _ in found]
        running = [job for job in jobs if self._with_engine.pop(job.ticket, None) is not None]
        self._backend.cancel([job.ticket for job in running])
        for job in running:
            self._purse.give_back(job.aside)
            self._purse.write_off(job.aside)
        gone = {job.key for job in jobs}
        keeps = (job for job in self._waiting if not (job.request.speculative and job.key in gone))
        self._waiting = deque(keeps)
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
            self._waiting.append(job)
            if request.speculative:
                self._early[request.question, request.sequence] = job
        return answers

    def _asked(self, job: _Job) -> GenerationRequest:
        """The job as the engine sees it, under a number of its own."""
        request = job.request
        return GenerationRequest(
            id=next(self._ids),
            question=self._book.question(request),
            prefix=request.prefix,
            prefix_tokens=request.prefix_tokens,
            seed=request.seed,
            max_new_tokens=request.max_new_tokens,
            draw=request.draw,
        )

    def _sent(self, job: _Job, asked: GenerationRequest) -> GenerationRequest:
        """The same request, booked as sent."""
        job.ticket = asked.id
        self._with_engine[asked.id] = job
        job.tries += 1
        request = job.request
        if request.draw == 0 and not request.at_root and job.tries == 1:
            # Draw 0 is a state's first, so the prefix is in the log before anything that continues it.
            prefix = {"question": job.key.question, "state": request.state, "prefix": request.prefix}
            self._log.append("state", prefix)
        return asked

    def _receive(self, generation: Generation) -> None:
        job = self._with_engine.pop(generation.id, None)
        if job is None:
            return  # it was cancelled
        self._purse.give_back(job.aside)
        self._write_off_lost(job.request.max_new_tokens)
        if generation.id == self._probe:
            self._purse.write_off(usage_of(generation))
            self._probed(fault_in(generation))
            return
        # What the log or the search could not take must not reach them: the run would stop at it for good.
        if fault := fault_in(generation):
            if job.tries <= self._settings.retries and not generation.given_up:
                self.traffic.retries += 1
                self._waiting.append(job)
            else:
                self._forget_early(job)
                self._failed.append((job, fault))
            return
        self._forget_early(job)
        self._last_good = job
        self._trust_engine()
        self.traffic.rollouts += 1
        self.traffic.tokens += generation.n_tokens
        self.traffic.truncated += generation.finish is FinishReason.LENGTH
        self._book.account.pay(job.key.question, generation)
        self._purse.learn_prompt(job.aside, usage_of(generation))
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

    def _trust_engine(self) -> None:
        """What failed in every try before the engine worked again is lost; it was not the engine that was gone."""
        self._lost.extend(self._failed)
        self._failed.clear()

    def _probe_engine(self) -> None:
        """Ask for something easy: nothing is left but failures, and a dead engine must not look like them."""
        failed, last_words = self._failed[-1]
        if self._last_good is None and not self._recorded.rollouts:
            raise BackendError(
                f"the engine failed all {len(self._failed)} requests; the last said: {last_words}",
                hint="mend the engine, then run the same command again: it resumes",
            )
        # What came before can come again; if it came in an earlier start, the bare question has to do.
        job = self._last_good or failed
        request = self._asked(job)
        if self._last_good is None:
            request = replace(request, prefix="", prefix_tokens=(), seed=_PROBE_SEED, draw=0)
        aside = self._purse.take(request)
        if aside is None:
            self._purse.stop_short_of(request)
            return
        job.aside = aside
        self._probe = self._sent(job, request).id
        self._backend.submit([request])

    def _probed(self, fault: str) -> None:
        self._probe = None
        if fault:
            raise BackendError(
                f"the engine stopped working, {len(self._failed)} requests failed; the last said: {fault}",
                hint="mend the engine, then run the same command again: it resumes",
            )
        self._trust_engine()

    def _write_off_lost(self, longest: int) -> None:
        before, self._paid_twice = self._paid_twice, self._count_paid_twice()
        if self._paid_twice > before:
            self._purse.write_off_lost(self._paid_twice - before, longest)

    def _count_paid_twice(self) -> int:
        return self._counts().get("paid_twice", 0)

    def _declare_lost(self) -> list[Response]:
        answers = []
        for job, error in self._lost:
            self.traffic.lost += 1
            self._log.append("lost", lost_body(job.key, error, job.tries))
            if job.request.at_root:
                self._verifier.lost(self._book.question(job.request), job.request.draw)
            answers.append(Response.lost(job.request))
        self._lost.clear()
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
