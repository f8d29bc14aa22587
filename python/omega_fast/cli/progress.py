"""Progress on stderr: a live display on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.table import Table

from omega_fast.cli.outcome import pairs, say
from omega_fast.cli.views import money, outlook_rows
from omega_fast.summary import Progress
from omega_fast.wording import counted

__all__ = ["show_progress"]

_SECONDS_BETWEEN_LINES = 10.0
_LOGGER = logging.getLogger(__name__)


@contextmanager
def show_progress(style: str) -> Iterator[Callable[[Progress], None]]:
    """What a job tells its progress to.

    Args:
        style: `rich`, `plain`, `none`, or `auto`: `rich` if stderr is a terminal, else `plain`.
    """
    if style == "auto":
        style = "rich" if sys.stderr.isatty() else "plain"
    lines = _Lines(say if style == "plain" else None)
    if style != "rich":
        yield lines
        return
    with Live(console=Console(stderr=True), refresh_per_second=4, transient=True) as live:

        def show(progress: Progress) -> None:
            lines(progress)
            live.update(_table(progress))

        yield show


class _Lines:
    """Writes a line of progress to the log, and to `write` if given, when the last one has grown old."""

    def __init__(self, write: Callable[[str], None] | None) -> None:
        self._write = write
        self._next = 0.0

    def __call__(self, progress: Progress) -> None:
        is_last = progress.questions_done == progress.questions_total
        if progress.seconds < self._next and not is_last:
            return
        self._next = progress.seconds + _SECONDS_BETWEEN_LINES
        line = _line(progress)
        _LOGGER.info("%s", line)
        if self._write is not None:
            self._write(line)


def _line(progress: Progress) -> str:
    errors = "" if progress.located is None else f"  {counted(progress.located, 'first error')}"
    return (
        f"{progress.seconds:8.0f} s  {_questions(progress)} questions  {counted(progress.rollouts, 'rollout')}  "
        f"{counted(progress.tokens, 'token')}{errors}  {progress.in_flight:,} in flight{_ahead(progress)}"
    )


def _ahead(progress: Progress) -> str:
    """What is left, in a few words."""
    outlook = progress.outlook
    if outlook is None or progress.questions_done == progress.questions_total:
        return ""
    left = outlook.left
    cost = "" if left.cost is None else f", {money(left.cost.value, outlook.currency)}"
    return f"  about {left.tokens.value:,.0f} tokens left{cost}"


def _table(progress: Progress) -> Table:
    cost = [] if progress.cost is None else [("cost", f"{progress.cost:.4g}")]
    ahead = [] if progress.outlook is None else outlook_rows(progress.outlook)
    return pairs(
        [
            ("questions", _questions(progress)),
            ("rollouts", progress.rollouts),
            ("tokens", f"{progress.tokens:,} ({progress.tokens_a_second:,.0f} a second)"),
            *(
                []
                if progress.located is None
                else [("labels", progress.labels), ("first errors", progress.located)]
            ),
            ("truncated", progress.truncated),
            ("not judged", progress.excluded),
            ("in flight", progress.in_flight),
            *cost,
            ("seconds, loading included", progress.seconds),
            *ahead,
        ]
    )


def _questions(progress: Progress) -> str:
    total = "?" if progress.questions_total is None else f"{progress.questions_total:,}"
    return f"{progress.questions_done:,} of {total}"
