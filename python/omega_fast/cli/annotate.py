"""`omega annotate`: the main job."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from omega_fast.cli.clean import clean
from omega_fast.cli.exits import ExitCode, outcome_of
from omega_fast.cli.interrupts import stop_on_signals
from omega_fast.cli.jobs import load_jobs
from omega_fast.cli.logs import log_to
from omega_fast.cli.outcome import Outcome, say
from omega_fast.cli.progress import show_progress
from omega_fast.cli.settings_flags import Given, with_settings
from omega_fast.cli.views import money, run_view
from omega_fast.config import AnnotateConfig
from omega_fast.errors import ConfigError
from omega_fast.summary import RunSummary
from omega_fast.wording import counted

__all__ = ["annotate"]

# A handler of its own keeps the warnings off stderr, where the command says them in its own way.
_LOGGER = logging.getLogger(__name__)
_LOGGER.addHandler(logging.NullHandler())


def _from_seed(
    given: Given,
    *,
    seed_set: Annotated[
        Path | None,
        typer.Argument(
            metavar="SEED",
            help="Questions with solutions, as omega seed writes them: searches start from the wrong ones.",
            show_default=False,
        ),
    ] = None,
    dataset: Annotated[
        Path | None,
        typer.Option(
            metavar="SEED",
            help="SEED as an option; either stands for --question-file SEED --solutions seed.",
            show_default=False,
        ),
    ] = None,
) -> Given:
    """The settings of a run whose searches start from the wrong solutions of a seed set."""
    named = [str(each) for each in (seed_set, dataset, given.get("question_file")) if each is not None]
    if len(named) > 1:
        raise ConfigError(
            f"the questions are named {counted(len(named), 'time')}: {', '.join(named)}",
            hint="give SEED, --dataset SEED or --question-file FILE",
        )
    if seed_set is None and dataset is None:
        return given
    return {"solutions": "seed"} | given | {"question_file": named[0]}


@partial(with_settings, shortcut=_from_seed)
def annotate(config: AnnotateConfig) -> Outcome:
    """Find the first error of wrong solutions and label every step, resuming the run if there is one.

    Settings come from, later over earlier: defaults, --preset, --recipe, OMEGA_* variables, flags.
    """
    with log_to(config.log_file_prefix), show_progress(config.progress) as show, stop_on_signals() as stop:
        summary = load_jobs().annotate(config, on_progress=show, stop=stop)
        for warning in summary.warnings:
            _LOGGER.warning("%s", clean(warning))
    was_stopped = stop.is_set() and not summary.complete
    if was_stopped:
        say("interrupted: the same command resumes the run")
    code = ExitCode.INTERRUPTED if was_stopped else outcome_of(summary)
    if summary.stopped_by and not was_stopped:
        say(_spent(config, summary))
        code = ExitCode.BUDGET
    return Outcome(summary.to_dict(), run_view(summary), code, summary.warnings)


def _spent(config: AnnotateConfig, summary: RunSummary) -> str:
    """Which budget ended the run, and how it goes on."""
    name = summary.stopped_by
    flag = f"--{name.replace('_', '-')}"
    done = f"{summary.finished:,} of {counted(summary.questions, 'question')} finished"
    if name == "max_time":
        return f"{flag} {config.max_time:g} s is up, {done}: the same command goes on"
    spent = (
        money(summary.cost, summary.currency)
        if name == "max_cost"
        else counted(summary.tokens_in_log, "token")
    )
    lost = f" and {summary.tokens_written_off:,} written off" if summary.tokens_written_off else ""
    limit = f"{getattr(config, name):,}"
    return f"{flag} {limit} is reached with {spent}{lost}, {done}: the same command with more of it goes on"
