"""One guided search over some questions, from the log first and then with the engine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from threading import Event

from omega_fast._core import step_cuts
from omega_fast.backends.base import Backend
from omega_fast.config import AnnotateConfig
from omega_fast.dispatch import PumpSettings
from omega_fast.engine import Log
from omega_fast.guided_pump import GuidedPump, OnFinished
from omega_fast.guided_summary import GuidedProgress, Line
from omega_fast.jobs.opening import run_budgets
from omega_fast.records import Question, StepScorer
from omega_fast.search.guided import UNSCORED, GuidedScheduler, GuidedSettings, QuestionSearch, Status
from omega_fast.search.guided.recorded import RecordedGuidance
from omega_fast.spending.account import Account
from omega_fast.spending.prices import Prices
from omega_fast.spending.purse import Purse

__all__ = ["Drive", "OnGuided"]

OnGuided = Callable[[GuidedProgress], None] | None

_EVERY_S = 0.2
_LINES_SHOWN = 12
_LEAST_OPEN = 16
_DRAWS_A_SLOT = 4


@dataclass(slots=True)
class Drive:
    """Runs a guided search.

    Attributes:
        config: The run.
        settings: The search.
        engine: The policy.
        scorer: The process reward model; `None` for none.
        recorded: What earlier starts left.
        log: Where draws and scores go.
        on_progress: Told a few times a second how far it is.
        stop: Once set, it drains.
        prices: What tokens cost, if money is limited.
        account: What was paid, earlier starts included.
        stopped_by: The budget of the whole run that ended it.
        looks: Whether progress shows the lines of the one question that is searched.
    """

    config: AnnotateConfig
    settings: GuidedSettings
    engine: Backend
    scorer: StepScorer | None
    recorded: RecordedGuidance
    log: Log
    on_progress: OnGuided = None
    stop: Event = field(default_factory=Event)
    prices: Prices | None = None
    account: Account = field(default_factory=Account)
    stopped_by: str = ""
    looks: bool = False
    _began: float = field(default_factory=time.monotonic)
    _told: float = 0.0
    _core: str = ""

    def run(self, questions: Iterable[Question], on_finished: OnFinished) -> GuidedPump:
        """Search every question; the pump, with its counts. Raises what `GuidedPump.run` raises."""
        scheduler = GuidedScheduler(self.settings, self._cut, seed=self.config.seed, max_open=self._max_open)
        for question in questions:
            scheduler.add_question(question)
        finished = 0

        def finish(number: int, search: QuestionSearch) -> None:
            nonlocal finished
            finished += 1
            on_finished(number, search)

        purse = self._purse()
        pump = self._pump(scheduler, finish, purse)
        total = len(scheduler)

        def tell(*, now: bool = False) -> None:
            if self.on_progress is None or not (now or time.monotonic() - self._told >= _EVERY_S):
                return
            self._told = time.monotonic()
            self.on_progress(self._progress(pump, scheduler, finished, total))

        try:
            pump.run(tell)
        finally:
            self.stopped_by = purse.reached
        tell(now=True)
        return pump

    def _cut(self, prefix: str, text: str, ends: Sequence[int]) -> list[int]:
        self._core = self._core or self.config.core_config()
        return list(step_cuts(self._core, text, list(ends), prefix))

    @property
    def _max_open(self) -> int:
        """Questions under search at once: enough for every slot, and for large batches of candidates."""
        if self.config.max_open is not None:
            return self.config.max_open
        return max(_LEAST_OPEN, _DRAWS_A_SLOT * self.engine.slots // self.settings.n)

    def _pump(self, scheduler: GuidedScheduler, on_finished: OnFinished, purse: Purse) -> GuidedPump:
        config = self.config
        return GuidedPump(
            scheduler,
            self.recorded,
            self.engine,
            self.scorer,
            self.log,
            separator=self.settings.separator,
            on_finished=on_finished,
            settings=PumpSettings(
                retries=config.retries,
                stall_s=config.longest_wait(config.stall_timeout),
                grace_s=config.grace_period,
            ),
            stop=self.stop,
            account=self.account,
            purse=purse,
        )

    def _purse(self) -> Purse:
        budgets = run_budgets(self.config, self._began, self.prices)
        return Purse(budgets, self.account, self.engine.prompt, time.monotonic)

    def _progress(
        self, pump: GuidedPump, scheduler: GuidedScheduler, finished: int, total: int
    ) -> GuidedProgress:
        counts = None if pump.scoring is None else pump.scoring.counts
        searches = list(scheduler.open_searches.values()) if self.looks else []
        return GuidedProgress(
            done=finished,
            total=total,
            draws=self.account.rollouts,
            tokens=self.account.tokens,
            scored=counts.solutions if counts else 0,
            calls=counts.calls if counts else 0,
            in_flight=pump.in_flight,
            seconds=time.monotonic() - self._began,
            best=tuple(_best(searches[0])) if searches else (),
        )


def _best(search: QuestionSearch) -> Iterable[Line]:
    """The best lines that nothing better goes on from yet: leaves of the tree, best first."""
    inner = {node.parent.number for node in search.tree if node.parent is not None}
    leaves = [
        node
        for node in search.tree
        if node.number not in inner and node.status is not Status.CUT and node.steps
    ]
    for node in sorted(leaves, key=lambda node: -search.rank(node))[:_LINES_SHOWN]:
        rank = search.rank(node)
        yield Line(tuple(node.steps), None if rank == UNSCORED else rank, node.status is Status.FINISHED)
