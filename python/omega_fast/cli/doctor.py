"""`omega doctor`: whether this machine has what the package needs."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from omega_fast.cli.exits import ExitCode
from omega_fast.cli.outcome import Outcome, plain
from omega_fast.diagnosis import Check, diagnose

__all__ = ["doctor"]

_STYLES = {"ok": "green", "absent": "yellow", "failed": "bold red"}


def doctor(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="PATH", help="Where runs will be written.")
    ] = Path("output_results"),
) -> Outcome:
    """Check Python, compiled core, engines, GPU, memory, disk, verifier and embedded policy."""
    checks = diagnose(output)
    is_well = all(check.state != "failed" for check in checks)
    return Outcome(
        {"ok": is_well, "checks": [asdict(check) for check in checks]},
        _view(checks),
        ExitCode.DONE if is_well else ExitCode.UNEXPECTED,
    )


def _view(checks: list[Check]) -> Table:
    table = Table.grid(padding=(0, 2))
    for check in checks:
        table.add_row(Text(check.name), Text(check.state, style=_STYLES[check.state]), plain(check.detail))
    return table
