"""`omega seed`: solutions of the policy, right and wrong, to start searches from."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from omega_fast.cli.exits import ExitCode, outcome_of
from omega_fast.cli.interrupts import stop_on_signals
from omega_fast.cli.jobs import load_jobs
from omega_fast.cli.logs import log_to
from omega_fast.cli.outcome import Outcome, pairs, say
from omega_fast.cli.progress import show_progress
from omega_fast.cli.settings_flags import Given, with_settings
from omega_fast.config import AnnotateConfig
from omega_fast.data_summary import SeedSummary
from omega_fast.errors import ConfigError
from omega_fast.wording import counted

__all__ = ["seed"]


def _samples(
    given: Given,
    *,
    num_samples: Annotated[
        int | None,
        typer.Option(
            metavar="INTEGER",
            min=1,
            help="Solutions drawn for each question; stands for --num-rollouts and pays for them",
            show_default=False,
        ),
    ] = None,
) -> Given:
    """The settings of a run that draws so many solutions from each question."""
    if num_samples is None:
        return given
    if twice := {"num_rollouts", "root_rollouts"} & given.keys():
        raise ConfigError(f"num_samples and {min(twice)} say the same", hint="give num_samples alone")
    return (
        {"rollout_budget": str(num_samples)}
        | given
        | {"num_rollouts": str(num_samples), "root_rollouts": "0"}
    )


@partial(with_settings, shortcut=_samples)
def seed(
    config: AnnotateConfig,
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH", help="The seed set, JSON Lines or JSON; by default export/seed.jsonl in the run."
        ),
    ] = None,
    right: Annotated[
        int | None,
        typer.Option(metavar="INTEGER", min=0, help="Most right solutions of a question; none for all."),
    ] = None,
    wrong: Annotated[
        int | None,
        typer.Option(metavar="INTEGER", min=0, help="Most wrong solutions of a question; none for all."),
    ] = None,
) -> Outcome:
    """Make a seed set: questions with solutions of the policy, right and wrong, for `omega annotate SEED`.

    It is a run without searches: the same command resumes it, and the settings of searches change nothing.
    """
    with log_to(config.log_file_prefix), show_progress(config.progress) as show, stop_on_signals() as stop:
        summary = load_jobs().seed(
            config, output=output, right=right, wrong=wrong, on_progress=show, stop=stop
        )
    was_stopped = stop.is_set() and not summary.run.complete
    if was_stopped:
        say("interrupted: the same command resumes the run")
    code = ExitCode.INTERRUPTED if was_stopped else outcome_of(summary.run)
    view = pairs(
        [
            ("seed set", str(summary.path)),
            ("questions", f"{summary.questions:,} of {summary.run.questions:,}"),
            ("solutions", f"{summary.right:,} right, {summary.wrong:,} wrong"),
            ("left out", f"{summary.repeated:,} repeated, {summary.unfinished:,} unfinished"),
            ("not judged", summary.unjudged),
            ("without a wrong solution", summary.without_wrong),
            ("without a right solution", summary.without_right),
            ("run", str(summary.run.run)),
        ]
    )
    return Outcome(summary.to_dict(), view, code, (*summary.run.warnings, *_warnings(summary)))


def _warnings(summary: SeedSummary) -> tuple[str, ...]:
    if not summary.without_wrong:
        return ()
    named = ", ".join(summary.named) + (", ..." if summary.without_wrong > len(summary.named) else "")
    return (
        f"{counted(summary.without_wrong, 'question has', 'questions have')} no wrong solution "
        f"to start a search from ({named}): draw more, "
        "or let the search draw its own",
    )
