"""`omega split`: a file in parts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from omega_fast.cli.outcome import Outcome, pairs
from omega_fast.errors import ConfigError
from omega_fast.exchange import Parts, split_by_question
from omega_fast.exchange import split as split_file
from omega_fast.exchange.shares import parse_shares

__all__ = ["split"]


def split(
    input_file: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="Questions, or rows of any format, as a JSON list or JSON Lines; by question CSV and Parquet too.",
            show_default=False,
        ),
    ],
    output_dir: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where the parts go.", show_default=False)
    ],
    *,
    by: Annotated[
        Literal["order", "question"],
        typer.Option(
            metavar="[order|question]",
            help="Nearly equal parts in order, or parts that share no question, told by its text alone.",
        ),
    ] = "order",
    num_splits: Annotated[
        int | None, typer.Option(help="How many parts, by order.", min=1, show_default=False)
    ] = None,
    shares: Annotated[
        str | None,
        typer.Option(
            metavar="NAME=SHARE,...",
            help="Names of the parts and their shares, by question, as in train=0.9,test=0.1.",
            show_default=False,
        ),
    ] = None,
) -> Outcome:
    """Cut a file into parts: of nearly equal size in order, or by question, such as for training and testing."""
    if by == "question":
        if shares is None or num_splits is not None:
            raise ConfigError("by question, parts have shares", hint="give --shares train=0.9,test=0.1")
        parts = split_by_question(input_file, output_dir, parse_shares(shares))
    else:
        if num_splits is None or shares is not None:
            raise ConfigError(
                "by order, parts have a number", hint="give --num-splits, or --by question --shares"
            )
        parts = split_file(input_file, output_dir, num_splits)
    view = pairs([(str(path), size) for path, size in zip(parts.paths, parts.sizes, strict=True)])
    return Outcome(parts.to_dict(), view, warnings=_warnings(parts, by))


def _warnings(parts: Parts, by: str) -> tuple[str, ...]:
    empty = parts.sizes.count(0)
    what = "questions than parts" if by == "order" else "questions for such shares"
    return (f"{empty} parts are empty: there are fewer {what}",) if empty else ()
