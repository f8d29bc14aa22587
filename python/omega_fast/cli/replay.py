"""`omega replay`: a run decided again from its log, perhaps under other settings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from omega_fast.cli.arguments import RunArgument
from omega_fast.cli.exits import outcome_of
from omega_fast.cli.jobs import load_jobs
from omega_fast.cli.outcome import Outcome
from omega_fast.cli.views import run_view
from omega_fast.cli.what_if_view import what_if_view
from omega_fast.errors import ConfigError
from omega_fast.summary import WhatIfSummary
from omega_fast.wording import counted

__all__ = ["replay"]


def replay(
    run: RunArgument,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Decide under this setting instead, as far as the recorded responses reach; may be repeated. "
            "RUN is left as it is.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="Make a run of that, for `omega export` and to go on from.",
            show_default=False,
        ),
    ] = None,
) -> Outcome:
    """Decide a run again from its log, without an engine: write its results anew, or see what others would be."""
    if not changes and output is None:
        summary = load_jobs().replay(run)
        return Outcome(summary.to_dict(), run_view(summary), outcome_of(summary), summary.warnings)
    found = load_jobs().what_if(run, _settings(changes or ()), output=output)
    return Outcome(found.to_dict(), what_if_view(found), warnings=tuple(_warnings(found)))


def _settings(changes: Sequence[str]) -> dict[str, str]:
    settings: dict[str, str] = {}
    for change in changes:
        name, given, value = change.partition("=")
        name = name.strip().replace("-", "_")
        if not given or not name:
            raise ConfigError(f"--set {change!r} sets nothing", hint="write --set NAME=VALUE")
        if name in settings:
            raise ConfigError(f"--set {name} comes twice", hint="set it once")
        settings[name] = value
    return settings


def _warnings(found: WhatIfSummary) -> Iterator[str]:
    if found.stopped:
        kept = f"in {found.output / 'stopped.jsonl'}" if found.output else "with -o, in a file of their own"
        yield (
            f"{counted(len(found.stopped), 'question')} stopped where the log lacks a draw; "
            f"their labels so far are not among the results, but {kept}"
        )
    if found.not_started:
        yield (
            f"not begun: {counted(found.not_started, 'question')}, "
            "for the rates to start from are learnt from stopped ones"
        )
