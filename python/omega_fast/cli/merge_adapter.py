"""`omega merge-adapter`: LoRA adapters worked into the weights of their base."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from omega_fast.cli.outcome import Outcome, pairs
from omega_fast.train.libraries import training_libraries

__all__ = ["merge_adapter"]


def merge_adapter(
    base: Annotated[
        str,
        typer.Argument(
            metavar="BASE",
            help="Folder or hub name of the model that the adapter was trained on, or 'ledger-policy'.",
            show_default=False,
        ),
    ],
    adapter: Annotated[
        Path, typer.Argument(metavar="ADAPTER", help="Its folder, as peft saves it.", show_default=False)
    ],
    output: Annotated[
        Path,
        typer.Argument(
            metavar="OUT", help="The folder to write; it must not be there yet.", show_default=False
        ),
    ],
    *,
    revision: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Branch, tag or commit of a hub name.", show_default=False),
    ] = None,
    dtype: Annotated[
        Literal["auto", "float32", "bfloat16", "float16"],
        typer.Option(
            metavar="[auto|float32|bfloat16|float16]",
            help="Of the weights that are written; auto as the base's.",
        ),
    ] = "auto",
) -> Outcome:
    """Merge a LoRA adapter into its base and write an ordinary checkpoint, as servers and scorers take it."""
    with training_libraries():
        from omega_fast.train.merging import merge_adapter as merge  # noqa: PLC0415 - it loads torch

        done = merge(base, adapter, output, revision=revision, dtype=dtype)
    rows = [
        ("checkpoint", str(done.folder)),
        ("matrices changed", done.modules),
        ("tokenizer", done.tokenizer),
    ]
    return Outcome(done.to_dict(), pairs(rows))
