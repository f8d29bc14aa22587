"""`omega convert`: labelled solutions from one format into another."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from omega_fast.cli.exits import ExitCode
from omega_fast.cli.outcome import Outcome, pairs
from omega_fast.exchange import convert as convert_file
from omega_fast.exchange.consensus import Consensus, Judge
from omega_fast.store.formats import FORMATS
from omega_fast.wording import counted

__all__ = ["RootFile", "SourceFormat", "consensus_rows", "convert", "quarantined"]

_NAMES = "|".join(FORMATS)
_TARGETS = "|".join(each.name for each in FORMATS.values() if each.from_solution is not None)

SourceFormat = Annotated[
    str,
    typer.Option(
        "--from", metavar=f"[auto|{_NAMES}]", help="Format of the input; 'auto' looks at its first row."
    ),
]

RootFile = Annotated[
    Path | None,
    typer.Option(
        "--root",
        metavar="PATH",
        help="GroundedPRM's root.json: the questions and gold answers of its trees and samples.",
    ),
]


def convert(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT",
            help="A .jsonl, .json, .csv or .parquet file, a folder of them, or one saved by datasets.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path,
        typer.Argument(
            metavar="OUTPUT",
            help="The file to write; its suffix says how, none is a folder.",
            show_default=False,
        ),
    ],
    *,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar=f"[{_TARGETS}]",
            help="Format of the output; that of the input is possible too.",
            show_default=False,
        ),
    ],
    from_: SourceFormat = "auto",
    threshold: Annotated[
        float | None,
        typer.Option(
            help="Steps with a soft label alone are right above this; without it they stay unlabelled."
        ),
    ] = None,
    root: RootFile = None,
    consensus: Annotated[
        Path | None,
        typer.Option(
            metavar="JUDGED",
            help="Keep the solutions on whose first error this file or run agrees.",
            show_default=False,
        ),
    ] = None,
) -> Outcome:
    """Turn labelled solutions from one format into another; rows that cannot be used go to a quarantine file."""
    judge, counts = None if consensus is None else Judge.read(consensus), Consensus()
    agrees = None if judge is None else partial(judge.keeps, consensus=counts)
    done = convert_file(source, output, to=to, from_=from_, threshold=threshold, root=root, agrees=agrees)
    data = done.to_dict()
    rows: list[tuple[str, object]] = [("file", str(done.path)), ("from", done.source), ("rows", done.rows)]
    if judge is not None:
        data["consensus"] = counts.to_dict()
        rows += consensus_rows(counts.to_dict())
    return Outcome(data, pairs(rows), *quarantined(done.quarantined, done.quarantine))


def consensus_rows(counts: Mapping[str, Any]) -> list[tuple[str, object]]:
    """How often a judge agreed, for a table."""
    agreement = "nothing was judged" if counts["agreement"] is None else f"{counts['agreement']:.1%}"
    rejected = ((f"rejected: {name.replace('_', ' ')}", count) for name, count in counts["rejected"].items())
    return [("solutions kept", counts["kept"]), ("agreement", agreement), *rejected]


def quarantined(count: int, file: Path | None) -> tuple[ExitCode, tuple[str, ...]]:
    """Exit code and warnings of a command that set so many rows aside."""
    if not count:
        return ExitCode.DONE, ()
    return ExitCode.PARTIAL, (f"{counted(count, 'row')} could not be used: see {file}",)
