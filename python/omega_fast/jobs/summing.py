"""From the tally of a run to its summary."""

from __future__ import annotations

from pathlib import Path

from omega_fast.jobs.session import Recall
from omega_fast.search.book import QuestionBook
from omega_fast.summary import RunSummary, truncation_alarm

__all__ = ["summarise"]


def summarise(
    run: Path,
    book: QuestionBook,
    recalled: Recall,
    *,
    quarantined: int,
    lost: int,
    seconds: float,
    complete: bool,
) -> RunSummary:
    """What a run holds, over its finished questions."""
    tally = book.tally
    return RunSummary(
        run=run,
        questions=len(book.questions),
        finished=tally.finished,
        quarantined=quarantined,
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
        seconds=seconds,
        complete=complete,
        warnings=truncation_alarm(tally.verdicts),
    )
