"""`omega split`: a question file in parts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from omega_fast.cli.outcome import Outcome, pairs
from omega_fast.exchange import split as split_file

__all__ = ["split"]


def split(
    input_file: Annotated[
        Path,
        typer.Option(metavar="FILE", help="Questions as a JSON list or JSON Lines.", show_default=False),
    ],
    output_dir: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where the parts go.", show_default=False)
    ],
    num_splits: Annotated[int, typer.Option(help="How many parts.", min=1, show_default=False)],
) -> Outcome:
    """Cut a question file into parts of nearly equal size, in order."""
    parts = split_file(input_file, output_dir, num_splits)
    empty = parts.sizes.count(0)
    warnings = (f"{empty} parts are empty: there are fewer questions than parts",) if empty else ()
    view = pairs([(str(path), size) for path, size in zip(parts.paths, parts.sizes, strict=True)])
    return Outcome(parts.to_dict(), view, warnings=warnings)
