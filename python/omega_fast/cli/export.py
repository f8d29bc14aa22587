"""`omega export`: labels in the formats that training code reads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from omega_fast.cli.arguments import RunArgument
from omega_fast.cli.exits import ExitCode
from omega_fast.cli.jobs import load_jobs
from omega_fast.cli.outcome import Outcome, pairs
from omega_fast.store.formats import FORMATS, ExportOptions
from omega_fast.store.formats.base import PrefixAs, TreeText
from omega_fast.wording import counted

__all__ = ["export"]

_FORMATS = "; ".join(f"{each.name}: {each.description}" for each in FORMATS.values())


def export(
    run: RunArgument,
    form: Annotated[
        str, typer.Option("--format", "-f", metavar=f"[{'|'.join(FORMATS)}]", help=f"{_FORMATS}.")
    ] = "samples",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="PATH", help="The file; by default in the run's export folder."
        ),
    ] = None,
    prefix_as: Annotated[
        PrefixAs,
        typer.Option(
            metavar="[text|pair]", help="For 'flat': a prefix as one text, or as [question, prefix]."
        ),
    ] = "text",
    text: Annotated[
        TreeText,
        typer.Option(
            metavar="[cumulative|step]", help="For 'tree': a node's own step, or all from the root down."
        ),
    ] = "step",
) -> Outcome:
    """Write the labels of a run's finished questions in a format."""
    options = ExportOptions(prefix_as=prefix_as, text=text)
    summary = load_jobs().export(run, format=form, output=output, options=options)
    view = pairs([("file", str(summary.path)), ("rows", summary.rows)])
    warnings: tuple[str, ...] = ()
    if summary.finished < summary.questions:
        warnings = (
            f"the run is not finished: exported are {summary.finished:,} of its "
            f"{counted(summary.questions, 'question')}; `omega annotate` goes on with the others",
        )
    if not summary.rows:
        warnings += ("no row was written: no finished question has a label that this format takes",)
    if not summary.refused:
        return Outcome(summary.to_dict(), view, ExitCode.DONE, warnings)
    warning = f"left out: {counted(summary.refused, 'solution')}, for {form} cannot tell their parts apart"
    return Outcome(summary.to_dict(), view, ExitCode.PARTIAL, (*warnings, warning))
