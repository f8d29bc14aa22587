"""The pump of guided search: draws go to the engine, candidates of all questions to the scorer in one batch.

Its one loop is `GuidedPump.step`. It decides nothing, and no question waits for another; stop it anywhere and the log
has all that was paid for.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event

from omega_fast.backends.base import Backend
from omega_fast.dispatch import Dispatch, Job, PumpSettings
from omega_fast.engine import Log
from omega_fast.guided_scoring import ScoringThread
from omega_fast.records import Generation, GenerationRequest, StepScorer
from omega_fast.search.guided import DrawRequest, GuidedScheduler, QuestionSearch, ScoreRequest
from omega_fast.search.guided.plan import Score
from omega_fast.search.guided.recorded import DRAW, SCORES, RecordedGuidance, draw_body, scores_body
from omega_fast.spending.account import Account
from omega_fast.spending.purse import Purse, RunBudgets

__all__ = ["GuidedPump", "GuidedTraffic", "OnFinished"]

_ENGINE_WAIT_S = 0.25
_SHORT_WAIT_S = 0.02
_NO_SCORER: Score | None = Score(None, "there is no scorer")

OnFinished = Callable[[int, QuestionSearch], None]
"""Told of a question's place in the run and of all that was found, once its search is over."""


@dataclass(slots=True)
class GuidedTraffic:
    """What went through the pump in this session; what the log had already is not counted."""

    draws: int = 0
    tokens: int = 0
    retries: int = 0
    lost: int = 0


@dataclass(slots=True, eq=False)
class _Job(Job):
    request: DrawRequest


class GuidedPump:
    """Drives a `GuidedScheduler` with an engine and a scorer.

    Args:
        scheduler: The questions, all added.
        recorded: Answers from the log, tried first.
        backend: The engine.
        scorer: The process reward model; without one nothing is scored.
        log: Gets every draw and score before the search does.
        separator: The text that ends a step.
        on_finished: Told of every question whose search is over.
        settings: How hard to push; nothing speculative is done here.
        batch: Candidates that are worth a batch while the engine has enough to do.
        stop: Once set, nothing new goes out; what the engine is working on is awaited for the grace time.
        account: Adds up what is paid.
        purse: The budgets of the whole run; by default there are none.
    """

    def __init__(
        self,
        scheduler: GuidedScheduler,
        recorded: RecordedGuidance,
        backend: Backend,
        scorer: StepScorer | None,
        log: Log,
        *,
        separator: str,
        on_finished: OnFinished,
        settings: PumpSettings | None = None,
        batch: int = 64,
        stop: Event | None = None,
        account: Account | None = None,
        purse: Purse | None = None,
    ) -> None:
        self.traffic = GuidedTraffic()
        self.scoring = None if scorer is None else ScoringThread(scorer)
        self._scheduler = scheduler
        self._recorded = recorded
        self._backend = backend
        self._log = log
        self._separator = separator
        self._on_finished = on_finished
        self._settings = settings or PumpSettings()
        self._batch = batch
        self._stop = stop or Event()
        self._account = account or Account()
        self._purse = purse or Purse(RunBudgets(), self._account, backend.prompt, time.monotonic)
        self._dispatch = Dispatch(
            backend, self._purse, self._settings, self._asked, lambda: recorded.draws > 0
        )
        self._to_score: list[ScoreRequest] = []
        self._with_scorer: list[ScoreRequest] = []

    @property
    def in_flight(self) -> int:
        """Draws with the engine and candidates with the scorer."""
        return self._dispatch.in_flight + len(self._with_scorer)

    def run(self, on_step: Callable[[], None] = lambda: None) -> bool:
        """Pump until every question is finished, stopped, or a budget of the run is reached; whether they all are.

        Raises:
            BackendError: If the engine or the scorer is gone, hangs, or fails whatever it is asked. The log has all
                that came.
            StoreError: If the log cannot be written.
        """
        try:
            return self._run(on_step)
        finally:
            self._dispatch.close()
            if self.scoring is not None:
                self.scoring.close()

    def _run(self, on_step: Callable[[], None]) -> bool:
        deadline = None
        while not self._scheduler.is_done:
            self._purse.look_at_the_clock()
            if self._ends:
                deadline = deadline or time.monotonic() + self._settings.grace_s
                home = not self._dispatch.in_flight and not self._with_scorer
                if home or (self._stop.is_set() and time.monotonic() > deadline):
                    self._dispatch.abandon()
                    return False
            self.step()
            on_step()
        return True

    @property
    def _ends(self) -> bool:
        return self._stop.is_set() or bool(self._purse.reached)

    def step(self) -> None:
        """One turn: answer from the log, send out, take in, log, hand over."""
        self._take_wants()
        if not self._ends:
            self._fill()
            self._send_to_score()
        for job, generation in self._dispatch.poll(self._patience()):
            if generation is not None:
                self._receive(job.request, generation)
        self._declare_lost()
        self.traffic.retries = self._dispatch.retries
        self._receive_scores(0.0 if self._dispatch.in_flight else _ENGINE_WAIT_S)
        for number, search in self._scheduler.poll_finished():
            self._recorded.forget(self._scheduler.question(number).id)
            self._on_finished(number, search)
        self._log.tick()

    def _take_wants(self) -> None:
        """Queue what the search wants; the log answers what it can, which may make it want more at once."""
        while True:
            answered = False
            room = self._settings.queue * self._backend.slots - len(self._dispatch.waiting)
            for request in self._scheduler.poll_draws(max(room, 0)):
                found = self._recorded.draw(self._scheduler.question(request.question).id, request)
                if found is None:
                    self._dispatch.waiting.append(_Job(request))
                else:
                    answered = True
                    self._scheduler.handle(request.question, request.sequence, found)
            for wanted in self._scheduler.poll_scorings():
                known = _NO_SCORER
                if self.scoring is not None:
                    known = self._recorded.score(self._scheduler.question(wanted.question).id, wanted)
                if known is None:
                    self._to_score.append(wanted)
                else:
                    answered = True
                    self._scheduler.handle(wanted.question, wanted.sequence, known)
            if not answered:
                return

    def _patience(self) -> float:
        """Seconds the engine may keep the pump; few where scores may be what an empty slot waits for."""
        calm = self._dispatch.is_full or not self._with_scorer
        return _ENGINE_WAIT_S if calm else _SHORT_WAIT_S

    def _fill(self) -> None:
        self._dispatch.send()
        scoring = self._with_scorer or self._to_score
        if self._dispatch.is_stuck and not scoring and not self._purse.reached:
            self._dispatch.probe()

    def _asked(self, job: _Job, number: int) -> GenerationRequest:
        """The job as the engine sees it."""
        request = job.request
        return GenerationRequest(
            id=number,
            question=self._scheduler.question(request.question),
            prefix=request.prefix,
            prefix_tokens=request.prefix_tokens,
            seed=request.seed,
            max_new_tokens=request.max_new_tokens,
            draw=request.number if request.number >= 0 else None,
            stop=(self._separator,) if request.to_step_end else (),
            greedy=request.greedy,
        )

    def _receive(self, request: DrawRequest, generation: Generation) -> None:
        self.traffic.draws += 1
        self.traffic.tokens += generation.n_tokens
        question = self._scheduler.question(request.question).id
        self._account.pay(question, generation)
        self._log.append(DRAW, draw_body(question, request, generation))
        self._scheduler.handle(request.question, request.sequence, generation)

    def _declare_lost(self) -> None:
        for job in self._dispatch.take_lost():
            self.traffic.lost += 1
            request = job.request
            body = {
                "question": self._scheduler.question(request.question).id,
                "state": request.state,
                "draw": request.number,
                "error": job.last_words,
                "tries": job.tries,
            }
            self._log.append("lost", body)
            self._scheduler.handle(request.question, request.sequence, None)

    def _send_to_score(self) -> None:
        """Score all that waits, in one batch, once it is many or the engine could do with more work."""
        if self.scoring is None or not self._to_score or self.scoring.is_busy:
            return
        if len(self._to_score) < self._batch and self._dispatch.is_full:
            return
        self._with_scorer, self._to_score = self._to_score, []
        self.scoring.submit(
            [(self._scheduler.question(each.question).problem, each.steps) for each in self._with_scorer]
        )

    def _receive_scores(self, timeout: float) -> None:
        scores = None if self.scoring is None else self.scoring.poll(timeout if self._with_scorer else 0.0)
        if scores is None:
            return
        asked, self._with_scorer = self._with_scorer, []
        for request, score in zip(asked, scores, strict=True):
            question = self._scheduler.question(request.question).id
            self._log.append(SCORES, scores_body(question, request, score))
            self._scheduler.handle(request.question, request.sequence, score)
