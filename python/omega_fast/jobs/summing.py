"""From the tally of a run to its summary."""

from __future__ import annotations

from omega_fast.jobs.session import Recall
from omega_fast.search.book import QuestionBook
from omega_fast.store import RunView
from omega_fast.summary import RunSummary, truncation_alarm

__all__ = ["summarise"]


def summarise(
    run: RunView, book: QuestionBook, recalled: Recall, *, lost: int, paid_twice: int, seconds: float
) -> RunSummary:
    """What a run holds, over its finished questions."""
    tally = book.tally
    quarantine = run.quarantine_path
    return RunSummary(
        run=run.path,
        questions=len(recalled.questions),
        finished=tally.finished,
        quarantined=len(quarantine.read_bytes().splitlines()) if quarantine.is_file() else 0,
        rollouts=tally.counts["rollouts"],
        tokens=tally.counts["tokens"],
        labels=tally.labels,
        searches=tally.counts["searches"],
        located=tally.counts["located"],
        excluded=tally.counts["excluded"],
        verdicts=dict(sorted(tally.verdicts.items())),
        finishes=dict(sorted(tally.finishes.items())),
        retokenised=tally.counts["retokenised"],
        lost=lost,
        paid_twice=paid_twice,
        seconds=seconds,
        complete=tally.finished == len(recalled.questions),
        warnings=truncation_alarm(tally.verdicts),
    )
