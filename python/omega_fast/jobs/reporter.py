"""Tells a caller how far a run is, not too often."""

from __future__ import annotations

import time
from collections.abc import Callable

from omega_fast.engine import Pump
from omega_fast.search.book import QuestionBook
from omega_fast.search.recorded import RecordedResponses
from omega_fast.spending.forecast import outlook
from omega_fast.spending.prices import Prices
from omega_fast.summary import Progress

__all__ = ["Reporter"]

_EVERY_S = 0.2


class Reporter:
    """Reads the counters of a run and passes them on.

    Args:
        listener: Told the progress; `None` for nobody.
        book: The run's questions.
        recorded: What earlier starts left.
        pump: What this start does.
        since: When it began, on the monotonic clock, before the engine was loaded.
        prices: What tokens cost.
        searches: Whether first errors are looked for.
    """

    def __init__(
        self,
        listener: Callable[[Progress], None] | None,
        book: QuestionBook,
        recorded: RecordedResponses,
        pump: Pump,
        since: float,
        *,
        prices: Prices | None = None,
        searches: bool = True,
    ) -> None:
        self._listener = listener
        self._book = book
        self._recorded = recorded
        self._pump = pump
        self._since = since
        self._prices = prices
        self._searches = searches
        self._started = self._told = time.monotonic()

    def step(self) -> None:
        """Tell, if the last time is long enough ago."""
        if time.monotonic() - self._told >= _EVERY_S:
            self.tell()

    def tell(self) -> None:
        """Tell now."""
        self._told = time.monotonic()
        if self._listener is None:
            return
        tally, traffic = self._book.tally, self._pump.traffic
        account, prices = self._book.account, self._prices
        self._listener(
            Progress(
                questions_done=tally.finished,
                questions_total=len(self._book.questions),
                rollouts=self._recorded.rollouts + traffic.rollouts,
                tokens=self._recorded.tokens + traffic.tokens,
                labels=tally.labels,
                located=tally.counts["located"] if self._searches else None,
                excluded=tally.counts["excluded"],
                truncated=traffic.truncated,
                seconds=self._told - self._since,
                in_flight=self._pump.in_flight,
                tokens_a_second=traffic.tokens / max(self._told - self._started, _EVERY_S),
                cost=None if prices is None else float(prices.cost(account.usage)),
                outlook=outlook(account, prices),
            )
        )
