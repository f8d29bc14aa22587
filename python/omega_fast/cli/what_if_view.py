"""A what-if as tables: what was changed, how far the log reached, and what was found beside what the run found."""

from __future__ import annotations

from rich.console import Group
from rich.table import Table
from rich.text import Text

from omega_fast.cli.outcome import pairs, plain
from omega_fast.summary import Figures, Proportion, WhatIfSummary
from omega_fast.wording import counted

__all__ = ["what_if_view"]

_COUNTS = ("questions", "rollouts", "tokens", "searches", "located", "labels")


def what_if_view(found: WhatIfSummary) -> Group:
    """What was found under other settings, beside what the run found."""
    changes = [(name, f"{was} -> {now}") for name, (was, now) in found.changes.items()]
    reach = found.reach
    far = [
        ("draws answered", f"{_percent(reach.share)} of {reach.draws_wanted:,} wanted"),
        ("draws used", f"{reach.draws_answered:,} of {reach.draws_recorded:,} recorded"),
        ("decided to their end", f"{found.decided.questions:,} of {counted(found.questions, 'question')}"),
    ]
    if found.stopped:
        in_search = sorted(each.search for each in found.stopped)
        middle = in_search[len(in_search) // 2]
        where = f"in search {middle} (median)" if middle else "at draws from the question itself"
        far.append(("stopped", f"{counted(len(found.stopped), 'question')}, {where}"))
    if found.not_started:
        far.append(("not begun", counted(found.not_started, "question")))
    if found.output:
        far.append(("written to", str(found.output)))
    columns = [
        ("the run", found.original),
        ("the run, same questions", found.original_same_questions),
        ("what if", found.decided),
    ]
    if found.stopped:
        columns.append(("stopped, so far", found.so_far))
    return Group(pairs([*changes, *far], title=str(found.run)), Text(), _beside(columns))


def _beside(columns: list[tuple[str, Figures]]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column()
    for title, _ in columns:
        table.add_column(title, justify="right")
    for name in _COUNTS:
        table.add_row(name, *(plain(getattr(figures, name)) for _, figures in columns))
    for title, name in (("located exactly", "exact_hits"), ("hard labels right", "right_labels")):
        shares = [getattr(figures, name) for _, figures in columns]
        if None not in shares:
            table.add_row(title, *map(_percent, shares))
    return table


def _percent(share: Proportion) -> str:
    return "none" if share.value is None else f"{share.value:.1%}"
