"""`omega eval guided` and `omega solve`: search for solutions under a process reward model."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console, Group
from rich.live import Live

from omega_fast.cli.exits import ExitCode
from omega_fast.cli.guided_flags import GuidedFlags, with_guided_flags
from omega_fast.cli.guided_view import figures_view, live_view, progress_line, solved_view
from omega_fast.cli.interrupts import stop_on_signals
from omega_fast.cli.jobs import load_jobs
from omega_fast.cli.outcome import Outcome, say
from omega_fast.guided_summary import GuidedProgress, GuidedSummary
from omega_fast.wording import counted

__all__ = ["eval_guided", "solve"]

_SECONDS_BETWEEN_LINES = 10.0

_Show = Callable[[GuidedProgress], None]


def _eval_guided(
    flags: GuidedFlags,
    *,
    questions: Annotated[
        Path | None,
        typer.Argument(
            metavar="QUESTIONS",
            help="MATH-500, GSM8K, JSON Lines, or 'ledger' for the embedded task.",
            show_default=False,
        ),
    ] = None,
) -> Outcome:
    """Search a set of questions under a process reward model, resuming if there is a run; say how often it is right.

    Methods compare at equal cost with --token-budget. --temperature, --top-p and the like are settings of every run.
    """
    del questions
    with _shown(flags.config.progress) as show, stop_on_signals() as stop:
        found = load_jobs().eval_guided(
            flags.config,
            flags.search,
            scorer=flags.scorer.prm,
            shape=flags.scorer.shape,
            options=flags.scorer.options,
            on_progress=show,
            stop=stop,
        )
    stopped = stop.is_set() and not found.complete
    if stopped:
        say("interrupted: the same command resumes the run")
    code = ExitCode.INTERRUPTED if stopped else _code(found)
    return Outcome(
        found.to_dict(), figures_view(found), code, (*flags.warnings, *found.warnings), quiet=found.rank > 0
    )


def _code(found: GuidedSummary) -> ExitCode:
    if found.stopped_by:
        name = f"--{found.stopped_by.replace('_', '-')}"
        say(
            f"{name} is reached, {found.finished:,} of {counted(found.questions, 'question')} finished: "
            "more of it goes on"
        )
        return ExitCode.BUDGET
    return ExitCode.DONE if found.complete and not found.quarantined else ExitCode.PARTIAL


def _solve(
    flags: GuidedFlags,
    *,
    problem: Annotated[str, typer.Argument(metavar="PROBLEM", help="The question; - reads it from stdin.")],
) -> Outcome:
    """Solve one question under a process reward model, and show the search as it goes."""
    text = sys.stdin.read().strip() if problem == "-" else problem
    with _shown(flags.config.progress) as show, stop_on_signals() as stop:
        found = load_jobs().solve(
            flags.config,
            flags.search,
            text,
            scorer=flags.scorer.prm,
            shape=flags.scorer.shape,
            options=flags.scorer.options,
            on_progress=show,
            stop=stop,
        )
    code = ExitCode.DONE if found.best is not None else ExitCode.PARTIAL
    return Outcome(found.to_dict(), solved_view(found), code, (*flags.warnings, *found.warnings))


@contextmanager
def _shown(style: str) -> Iterator[_Show]:
    """What progress is told to: a live display on a terminal, a line now and then elsewhere, or nothing."""
    if style == "auto":
        style = "rich" if sys.stderr.isatty() else "plain"
    if style == "rich":
        with Live(console=Console(stderr=True), refresh_per_second=4, transient=True) as live:
            yield lambda progress: live.update(Group(*live_view(progress)))
        return
    told = 0.0

    def tell(progress: GuidedProgress) -> None:
        nonlocal told
        if style == "plain" and progress.seconds - told >= _SECONDS_BETWEEN_LINES:
            told = progress.seconds
            say(progress_line(progress))

    yield tell


eval_guided = with_guided_flags(_eval_guided, over_a_set=True)
"""The command over a set."""

solve = with_guided_flags(_solve, over_a_set=False)
"""The command on one question."""
