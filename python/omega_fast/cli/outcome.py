"""What a command has to say, and the two ways of saying it: a table for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from omega_fast.cli.clean import clean
from omega_fast.cli.exits import ExitCode

__all__ = ["Outcome", "pairs", "plain", "print_json", "print_view", "say"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a command.

    Attributes:
        data: What `--json` prints.
        view: What is printed otherwise.
        code: What the command exits with.
        warnings: What the user should look at, in words.
        quiet: Print none of it: another process of the same job does.
    """

    data: Mapping[str, Any]
    view: RenderableType
    code: ExitCode = ExitCode.DONE
    warnings: tuple[str, ...] = ()
    quiet: bool = False


def plain(value: object) -> Text:
    """A value as text: harmless for the terminal, and no markup."""
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    if isinstance(value, int):
        return Text(f"{value:,}")
    if isinstance(value, float):
        return Text(f"{value:,.1f}")
    return Text(clean(str(value)))


def pairs(rows: Iterable[tuple[str, object]], title: str = "") -> Table:
    """A table of names and values."""
    table = Table.grid(padding=(0, 2))
    if title:
        table.title, table.title_justify = Text(clean(title)), "left"
    for name, value in rows:
        table.add_row(Text(name, style="dim"), plain(value))
    return table


def print_json(data: Mapping[str, Any]) -> None:
    """One JSON object on stdout. All but ASCII is escaped, so that it is harmless on a terminal."""
    sys.stdout.write(json.dumps(data, allow_nan=False) + "\n")


def print_view(view: RenderableType) -> None:
    """A view on stdout, at full width where that is no terminal."""
    console = Console(file=sys.stdout)
    console = console if console.is_terminal else Console(file=sys.stdout, width=200)
    # Text as it is, so that its lines can be copied
    console.print(view, soft_wrap=isinstance(view, Text))


def say(text: str) -> None:
    """A line for the user on stderr."""
    sys.stderr.write(clean(text) + "\n")
