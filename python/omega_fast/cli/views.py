"""Summaries as tables."""

from __future__ import annotations

from collections.abc import Mapping

from rich.table import Table

from omega_fast.cli.outcome import pairs
from omega_fast.summary import DemoSummary, Proportion, RunSummary

__all__ = ["demo_view", "run_view"]


def run_view(summary: RunSummary) -> Table:
    """What a run holds."""
    return pairs(_rows(summary), title=str(summary.run))


def demo_view(summary: DemoSummary) -> Table:
    """What the demonstration found, and how often it was right."""
    files = [(f"{name}", str(path)) for name, path in summary.files.items()]
    accuracies = [
        ("first errors exactly right", _share(summary.exact_hit_accuracy)),
        ("hard labels right", _share(summary.hard_label_accuracy)),
    ]
    return pairs([*_rows(summary), *accuracies, *files], title=str(summary.run))


def _rows(summary: RunSummary) -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = [
        ("questions", f"{summary.finished:,} of {summary.questions:,} finished"),
        ("quarantined", summary.quarantined),
        ("rollouts", _used(summary.rollouts, summary.rollouts_in_log)),
        ("tokens", _used(summary.tokens, summary.tokens_in_log)),
        ("labels", summary.labels),
        ("first errors", f"{summary.located:,} located in {summary.searches:,} searches"),
        ("verdicts", _counts(summary.verdicts)),
        ("ended by", _counts(summary.finishes)),
        ("not judged", summary.excluded),
        ("lost", summary.lost),
        ("tokenised again", summary.retokenised),
        ("seconds, loading included", summary.seconds),
        ("complete", summary.complete),
    ]
    if summary.paid_twice:
        rows.insert(-3, ("perhaps paid twice", summary.paid_twice))
    if any(summary.early.values()):
        counts = ", ".join(f"{count:,} {name}" for name, count in summary.early.items())
        rows.insert(-3, ("made early", counts))
    return rows


def _used(count: int, in_log: int) -> str:
    return (
        f"{count:,}" if count == in_log else f"{in_log:,} in the log, {count:,} of them in finished questions"
    )


def _counts(counts: Mapping[str, int]) -> str:
    shown = (
        f"{count:,} {name.replace('_', ' ')}"
        for name, count in sorted(counts.items(), key=lambda item: -item[1])
    )
    return ", ".join(shown) or "none"


def _share(share: Proportion) -> str:
    if share.value is None:
        return "none to judge"
    low, high = share.interval
    return f"{share.value:.1%} of {share.total:,} (95 % interval {low:.1%} to {high:.1%})"
