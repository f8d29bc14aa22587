"""`omega reverify`: the rollouts of a run judged again."""

from __future__ import annotations

from typing import Annotated

import typer

from omega_fast.cli.arguments import RunArgument
from omega_fast.cli.exits import outcome_of
from omega_fast.cli.jobs import load_jobs
from omega_fast.cli.outcome import Outcome
from omega_fast.cli.views import run_view

__all__ = ["reverify"]


def reverify(
    run: RunArgument,
    verifier: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="'answer' or module:function; by default the run's own."),
    ] = None,
) -> Outcome:
    """Judge a run's rollouts again and label anew as far as they reach; `annotate` goes on from there."""
    summary = load_jobs().reverify(run, verifier=verifier)
    return Outcome(summary.to_dict(), run_view(summary), outcome_of(summary), summary.warnings)
