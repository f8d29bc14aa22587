"""`omega status`: what a run holds."""

from __future__ import annotations

from omega_fast.cli.arguments import RunArgument
from omega_fast.cli.jobs import load_jobs
from omega_fast.cli.outcome import Outcome
from omega_fast.cli.views import run_view

__all__ = ["status"]


def status(run: RunArgument) -> Outcome:
    """Tell what a run holds; it may be running."""
    summary = load_jobs().status(run)
    return Outcome(summary.to_dict(), run_view(summary), warnings=summary.warnings)
