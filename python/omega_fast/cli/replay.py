"""`omega replay`: a run decided again from its log."""

from __future__ import annotations

from omega_fast.cli.arguments import RunArgument
from omega_fast.cli.exits import outcome_of
from omega_fast.cli.jobs import load_jobs
from omega_fast.cli.outcome import Outcome
from omega_fast.cli.views import run_view

__all__ = ["replay"]


def replay(run: RunArgument) -> Outcome:
    """Decide a run again from its log, without an engine, and write its trees and labels anew."""
    summary = load_jobs().replay(run)
    return Outcome(summary.to_dict(), run_view(summary), outcome_of(summary), summary.warnings)
