"""`omega verify`: every line of a run's log checked."""

from __future__ import annotations

from dataclasses import asdict

from omega_fast.cli.arguments import RunArgument
from omega_fast.cli.exits import ExitCode
from omega_fast.cli.outcome import Outcome, pairs
from omega_fast.store import verify as verify_run

__all__ = ["verify"]


def verify(run: RunArgument) -> Outcome:
    """Check every line of a run's log against its checksums."""
    report = verify_run(run)
    tail = report.torn_tail
    view = pairs(
        [
            ("records", report.records),
            ("kinds", ", ".join(f"{count:,} {kind}" for kind, count in report.kinds.items()) or "none"),
            ("segments", len(report.segments)),
            ("torn tail", f"{tail.bytes} bytes of {tail.file}" if tail else "none"),
            ("damage", report.damage or "none"),
        ],
        title=str(run),
    )
    data = {"run": str(run), "ok": report.ok, **asdict(report)}
    return Outcome(data, view, ExitCode.DONE if report.ok else ExitCode.DAMAGED)
