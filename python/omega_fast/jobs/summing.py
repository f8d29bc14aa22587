"""From the tally of a run to its summary."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

from omega_fast.jobs.session import Recall
from omega_fast.records import FREE, Usage
from omega_fast.search.book import QuestionBook, Tally
from omega_fast.spending.forecast import outlook
from omega_fast.spending.prices import Prices
from omega_fast.store import RunView
from omega_fast.summary import RunSummary, truncation_alarm
from omega_fast.verifiers.base import TellsFailures, Verifier
from omega_fast.wording import counted

__all__ = ["failure_warnings", "summarise"]

_CHECKER_FAILED = ("timeout", "crash", "unsupported")
_UNSOLVED_ALARM = 0.5
_REASONS_SHOWN = 3


def summarise(
    run: RunView,
    book: QuestionBook,
    recalled: Recall,
    *,
    rollouts: int,
    tokens: int,
    lost: int,
    paid_twice: int,
    early: Mapping[str, int],
    seconds: float,
    prices: Prices | None = None,
    written_off: Usage = FREE,
    stopped_by: str = "",
) -> RunSummary:
    """What a run holds: the counts of its finished questions, beside `rollouts` and `tokens`, those of its log."""
    tally = book.tally
    quarantine = run.quarantine_path
    quarantined = len(quarantine.read_bytes().splitlines()) if quarantine.is_file() else 0
    questions = len(recalled.questions)
    warnings = [*truncation_alarm(tally.verdicts), *_warnings(tally, questions)]
    if quarantined:
        told = counted(quarantined, "record was", "records were")
        warnings.append(f"{told} set aside, with the reasons, in {quarantine}")
    return RunSummary(
        run=run.path,
        questions=questions,
        finished=tally.finished,
        quarantined=quarantined,
        rollouts=tally.counts["rollouts"],
        tokens=tally.counts["tokens"],
        rollouts_in_log=rollouts,
        tokens_in_log=tokens,
        labels=tally.labels,
        searches=tally.counts["searches"],
        located=tally.counts["located"],
        excluded=tally.counts["excluded"],
        verdicts=dict(sorted(tally.verdicts.items())),
        finishes=dict(sorted(tally.finishes.items())),
        retokenised=tally.counts["retokenised"],
        lost=lost,
        paid_twice=paid_twice,
        early={name: early.get(name, 0) for name in ("used", "unused", "cancelled")},
        seconds=seconds,
        complete=tally.finished == questions,
        cost=None if prices is None else float(prices.cost(book.account.usage)),
        currency="" if prices is None else prices.currency,
        tokens_written_off=written_off.generated,
        stopped_by=stopped_by if tally.finished < questions else "",
        outlook=outlook(book.account, prices),
        warnings=tuple(warnings),
    )


def failure_warnings(verifier: Verifier) -> Iterator[str]:
    """Why this start's verifier could not judge, with counts, if it tells."""
    failures = verifier.failures() if isinstance(verifier, TellsFailures) else {}
    for reason, count in islice(failures.items(), _REASONS_SHOWN):
        yield f"the verifier failed {counted(count, 'time')} with {reason}"
    if len(failures) > _REASONS_SHOWN:
        rest = sum(list(failures.values())[_REASONS_SHOWN:])
        others = counted(len(failures) - _REASONS_SHOWN, "other reason")
        yield f"the verifier failed {counted(rest, 'time')} for {others}"


def _warnings(tally: Tally, questions: int) -> Iterator[str]:
    if tally.finished < questions:
        yield (
            f"not finished: {questions - tally.finished:,} of {counted(questions, 'question')}; labels and verdicts "
            "are of those that are, and `omega annotate` goes on from all that is in the log"
        )
    failed = {name: tally.verdicts[name] for name in _CHECKER_FAILED if tally.verdicts[name]}
    if failed:
        counts = ", ".join(f"{count} {name}" for name, count in failed.items())
        yield f"the verifier could not judge {counts}: they count nowhere; mend it and run `omega reverify`"
    unsolved = tally.finishes["root_all_wrong"]
    if unsolved > _UNSOLVED_ALARM * tally.finished:
        yield (
            f"never solved by the policy: {unsolved:,} of {counted(tally.finished, 'question')}: see "
            "with `omega preview` whether prompt and steps are right"
        )
