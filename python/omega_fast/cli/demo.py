"""`omega demo`: the whole pipeline on the embedded task."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from omega_fast.cli.exits import outcome_of
from omega_fast.cli.jobs import load_jobs
from omega_fast.cli.outcome import Outcome
from omega_fast.cli.progress import show_progress
from omega_fast.cli.views import demo_view

__all__ = ["demo"]


def demo(
    seed: Annotated[
        int, typer.Option(min=0, metavar="INTEGER", help="Seed of the problems and every draw.")
    ] = 0,
    limit: Annotated[int, typer.Option(min=1, metavar="INTEGER", help="How many problems.")] = 100,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="PATH", help="Run directory; a new one by default.", show_default=False
        ),
    ] = None,
) -> Outcome:
    """Label problems of the embedded task with the embedded policy, and compare with the truth."""
    with show_progress("auto") as show:
        summary = load_jobs().demo(seed=seed, limit=limit, output=output, on_progress=show)
    return Outcome(summary.to_dict(), demo_view(summary), outcome_of(summary), summary.warnings)
