"""`omega report`: what a training set consists of."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from omega_fast.cli.convert import SourceFormat
from omega_fast.cli.exits import ExitCode
from omega_fast.cli.outcome import Outcome, pairs
from omega_fast.train.data import (
    Faults,
    Labels,
    SplitReport,
    read_examples,
    report_of,
    split_by_question,
    without_duplicates,
)

__all__ = ["report"]


def report(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="DATA", help="A run directory, or labelled solutions in any format.", show_default=False
        ),
    ],
    *,
    from_: SourceFormat = "auto",
    labels: Annotated[
        Labels, typer.Option(metavar="[soft|hard|soft-or-hard]", help="Which labels count.")
    ] = "soft-or-hard",
    validation: Annotated[
        float,
        typer.Option(
            metavar="NUMBER",
            min=0,
            max=0.99,
            help="Share of the questions that is told apart, by their text.",
        ),
    ] = 0.0,
) -> Outcome:
    """Tell how many solutions and steps a training set has, how balanced they are, and what comes twice."""
    faults = Faults()
    examples, duplicates = without_duplicates(read_examples(source, faults, from_))
    train, held = split_by_question(examples, validation)
    told = report_of(train, held, duplicates=duplicates, faults=faults, labels=labels, threshold=None)
    rows: list[tuple[str, object]] = list(_rows("", told.train))
    if validation:
        rows += _rows("held out: ", told.held_out)
    rows += [
        ("duplicates dropped", duplicates.dropped),
        ("of these with other labels", duplicates.contradicting),
        ("rows that cannot be used", told.unusable),
    ]
    warnings = tuple(told.named)
    code = ExitCode.PARTIAL if told.unusable else ExitCode.DONE
    return Outcome(told.to_dict(), pairs(rows, title=str(source)), code, warnings)


def _rows(whose: str, part: SplitReport) -> list[tuple[str, object]]:
    mean = "none" if part.mean_value is None else f"{part.mean_value:.3f}"
    balance = "none" if not part.labelled else f"{part.right / part.labelled:.1%} above .5"
    return [
        (f"{whose}questions", part.questions),
        (f"{whose}solutions", part.solutions),
        (f"{whose}steps", f"{part.steps:,}, {part.labelled:,} of them labelled"),
        (f"{whose}balance", f"{part.right:,} right, {part.wrong:,} wrong, {balance}"),
        (f"{whose}mean value", mean),
    ]
