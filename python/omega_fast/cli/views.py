"""Summaries as tables."""

from __future__ import annotations

from collections.abc import Mapping

from rich.table import Table

from omega_fast.cli.outcome import pairs
from omega_fast.spending.forecast import Expected, Outlook, Price
from omega_fast.summary import DemoSummary, Proportion, RunSummary
from omega_fast.wording import counted

__all__ = ["demo_view", "duration", "money", "outlook_rows", "price", "run_view"]

_MINUTE_S = 60
_HOUR_S = 3600


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
        ("first errors", f"{summary.located:,} located in {counted(summary.searches, 'search', 'searches')}"),
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
    if summary.tokens_written_off:
        rows.insert(-3, ("tokens written off, at most", summary.tokens_written_off))
    if summary.cost is not None:
        rows.insert(-2, ("cost", money(summary.cost, summary.currency)))
    if summary.outlook is not None:
        rows.extend(outlook_rows(summary.outlook))
    if summary.stopped_by:
        rows.append(("stopped by", summary.stopped_by))
    return rows


def outlook_rows(outlook: Outlook) -> list[tuple[str, object]]:
    """What the next results and the rest will cost, with 95 % intervals."""
    priced = [("next label", outlook.label), ("next first error", outlook.first_error)]
    rows: list[tuple[str, object]] = [
        (name, price(each, outlook.currency)) for name, each in priced if each is not None
    ]
    if outlook.left.rollouts.high:
        rows.append(("left", price(outlook.left, outlook.currency)))
    return rows


def price(each: Price, currency: str) -> str:
    """A price in rollouts, tokens and money."""
    parts = [f"{_range(each.rollouts)} rollouts", f"{_range(each.tokens)} tokens"]
    if each.cost is not None:
        parts.append(_range(each.cost, money_digits=True) + (f" {currency}" if currency else ""))
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """A time in the unit that fits it.

    >>> duration(75.0), duration(7200.0)
    ('1.2 minutes', '2.0 hours')
    """
    if seconds < _MINUTE_S:
        return f"{seconds:.0f} seconds"
    return f"{seconds / _MINUTE_S:.1f} minutes" if seconds < _HOUR_S else f"{seconds / _HOUR_S:,.1f} hours"


def money(amount: float | None, currency: str) -> str:
    """An amount of money to four digits."""
    if amount is None:
        return "unknown"
    return f"{_number(amount, money_digits=True)} {currency}".rstrip()


def _range(each: Expected, *, money_digits: bool = False) -> str:
    value, low, high = (
        _number(bound, money_digits=money_digits) for bound in (each.value, each.low, each.high)
    )
    return f"{value} ({low} to {high})"


def _number(value: float, *, money_digits: bool = False) -> str:
    if money_digits:
        return f"{value:,.2f}" if value >= 100 else f"{value:.4g}"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


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
