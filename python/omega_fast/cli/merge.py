"""`omega merge`: parts of an export put together again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from omega_fast.cli.outcome import Outcome, pairs
from omega_fast.exchange import merge as merge_files
from omega_fast.exchange.merge import Duplicates

__all__ = ["merge"]


def merge(
    output: Annotated[Path, typer.Argument(metavar="OUT", help="The file to write.", show_default=False)],
    parts: Annotated[
        list[Path],
        typer.Argument(metavar="PART...", help="Exports, questions or parts of them.", show_default=False),
    ],
    duplicates: Annotated[
        Duplicates,
        typer.Option(
            metavar="[refuse|drop|keep]", help="What to do with a question that an earlier part has already."
        ),
    ] = "refuse",
) -> Outcome:
    """Put files of the same format together, in order."""
    done = merge_files(output, parts, duplicates=duplicates)
    return Outcome(
        done.to_dict(), pairs([("file", str(done.path)), ("rows", done.rows), ("dropped", done.dropped)])
    )
