"""`omega augment`: the three-column set of a run, with the steps of all rollouts it kept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from omega_fast.cli.convert import consensus_rows
from omega_fast.cli.jobs import load_jobs
from omega_fast.cli.outcome import Outcome, pairs
from omega_fast.data_summary import AugmentSummary
from omega_fast.errors import ConfigError
from omega_fast.wording import counted

__all__ = ["augment"]


def augment(
    run: Annotated[
        Path | None, typer.Argument(metavar="RUN", help="The run directory.", show_default=False)
    ] = None,
    input_path: Annotated[
        Path | None, typer.Option(metavar="RUN", help="The run directory, as an option.", show_default=False)
    ] = None,
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "--output-path",
            "-o",
            metavar="PATH",
            help="The file: .csv, .jsonl, .json or .parquet; by default export/augmented.csv in the run.",
        ),
    ] = None,
    similarity_threshold: Annotated[
        float,
        typer.Option(metavar="NUMBER", min=0, max=1, help="How similar steps of one group are at least."),
    ] = 0.85,
    min_rollouts: Annotated[
        int,
        typer.Option(
            metavar="INTEGER", min=1, help="Leave out new steps whose group has fewer continuations."
        ),
    ] = 1,
    consensus: Annotated[
        Path | None,
        typer.Option(
            metavar="JUDGED",
            help="Keep the steps of solutions alone on whose first error this file or run agrees.",
            show_default=False,
        ),
    ] = None,
    shares: Annotated[
        str | None,
        typer.Option(
            metavar="NAME=SHARE,...",
            help="Split by question into PATH_NAME files, as in train=0.9,test=0.1.",
            show_default=False,
        ),
    ] = None,
) -> Outcome:
    """Write a run's labelled states and the steps of its kept rollouts as (question and prefix, step, value)."""
    named = [each for each in (run, input_path) if each is not None]
    if len(named) != 1:
        raise ConfigError("one run is to be augmented", hint="give RUN or --input-path RUN")
    summary = load_jobs().augment(
        named[0],
        output=output,
        similarity=similarity_threshold,
        min_rollouts=min_rollouts,
        consensus=consensus,
        shares=shares,
    )
    return Outcome(summary.to_dict(), pairs(_rows(summary)), warnings=_warnings(summary))


def _rows(summary: AugmentSummary) -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = [(file, count) for file, count in summary.rows.items()]
    rows += [
        ("questions", summary.questions),
        ("rollouts", f"{summary.rollouts:,} used, {summary.left_out:,} left out"),
        ("groups", f"{summary.groups:,}, {summary.merged:,} of several texts"),
        (
            "values",
            f"{summary.all_right:,} all right, {summary.all_wrong:,} all wrong, {summary.mixed:,} mixed",
        ),
        ("states of the search", summary.states),
        ("added", summary.added),
        ("in too small groups", summary.thin),
    ]
    if summary.consensus is not None:
        rows += [*consensus_rows(summary.consensus), ("steps left out", summary.disputed)]
    return rows


def _warnings(summary: AugmentSummary) -> tuple[str, ...]:
    warnings: list[str] = []
    if summary.questions < summary.admitted:
        warnings.append(
            f"the run is not finished: used are {summary.questions:,} of its {counted(summary.admitted, 'question')}; "
            "`omega annotate` goes on with the others"
        )
    if summary.consensus is not None and not summary.consensus["kept"]:
        warnings.append(
            "no solution was agreed on: does the judged file have this run's questions and steps?"
        )
    return tuple(warnings)
