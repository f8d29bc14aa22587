"""The job behind `omega eval guided`: a guided search over a set of questions, in a run that the same call resumes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, closing
from threading import Event
from typing import Any

from omega_fast.backends.base import Backend
from omega_fast.config import AnnotateConfig
from omega_fast.errors import InputError
from omega_fast.eval.guided import figures
from omega_fast.guided_scoring import ScoringCounts
from omega_fast.guided_summary import GuidedSummary
from omega_fast.jobs.guided_drive import Drive, OnGuided
from omega_fast.jobs.guided_report import RowSpool, report, warnings_of
from omega_fast.jobs.guided_rows import judged_row, search_row
from omega_fast.jobs.guided_settings import guided_settings
from omega_fast.jobs.guided_store import accepted_questions, open_guided_run, recorded_guidance
from omega_fast.jobs.opening import open_policy, open_prices, open_questions, open_verifier, opens_thought
from omega_fast.jobs.ranks import ranks
from omega_fast.jobs.scorers import ScorerOptions, opened
from omega_fast.records import Question, StepScorer
from omega_fast.search.guided import QuestionSearch
from omega_fast.store.formats.files import write_rows
from omega_fast.store.log_thread import LogThread
from omega_fast.tasks.base import Fault

__all__ = ["eval_guided"]


def eval_guided(
    config: AnnotateConfig,
    search: Mapping[str, Any],
    *,
    scorer: str | StepScorer | None = None,
    shape: str = "auto",
    options: ScorerOptions = ScorerOptions(),  # noqa: B008 - frozen
    questions: Iterable[Question] | None = None,
    backend: Backend | None = None,
    on_progress: OnGuided = None,
    stop: Event | None = None,
) -> GuidedSummary:
    """Search every question under a scorer; rows with all candidates, and how often each way of choosing is right.

    The folder `config.output_dir` holds the log, `rows.jsonl` and `results.json`. Of several processes of torchrun each
    searches its share, with a log of its own below; the first one reports.

    Args:
        config: The questions, the policy, how it is sampled and where results go.
        search: The search, by the names of `SEARCH_NAMES`.
        scorer: A checkpoint, a `module:function`, or an object; `best_of_n` can do without.
        shape: Of the checkpoint.
        options: How the scorer is run.
        questions: The questions, instead of those of `config.question_file`.
        backend: The engine, instead of the one that the configuration names; it stays open.
        on_progress: Told a few times a second how far it is.
        stop: Once set, it drains and returns, incomplete and resumable.

    Raises:
        ConfigError: A setting cannot work.
        InputError: There is no question that can be used.
        BackendError: The engine or the scorer cannot start, is gone, or fails whatever it is asked. The log keeps what
            came.
        RunConflictError: The folder was begun with another search, policy or scorer.
        RunLockedError: Another process is writing it.
        StoreError: It cannot be written, or is damaged.
    """
    began = time.monotonic()
    faults: list[Fault] = []
    asked = list(open_questions(config, faults.append) if questions is None else questions)
    if not asked:
        first = f": line {faults[0].line} {faults[0].reason}" if faults else ""
        raise InputError(
            f"{config.question_file} holds no question that can be used{first}", hint="check the file"
        )
    prices = open_prices(config)
    with ExitStack() as stack:
        here = stack.enter_context(ranks())
        judge = None if scorer is None else stack.enter_context(opened(scorer, shape, options))
        made = None if judge is None else judge.scorer
        settings = guided_settings(config, search, made)
        engine = backend or stack.enter_context(closing(open_policy(config)))
        verifier = stack.enter_context(open_verifier(config))
        prints = {
            "policy": dict(engine.fingerprint()),
            "scorer": {} if judge is None else dict(judge.identity),
        }
        run = stack.enter_context(open_guided_run(config, settings, prints, here))
        mine = [(number, each) for number, each in enumerate(asked) if number % here.size == here.rank]
        mine = accepted_questions(run, engine, mine, faults)
        recorded, account = recorded_guidance(config.output_dir, here)
        spool = stack.enter_context(RowSpool())

        def keep(number: int, found: QuestionSearch) -> None:
            place, question = mine[number]
            spool.add(number, {"number": place, **search_row(question, found)})

        with LogThread(run) as log:
            asked_of = None if judge is None else judge.for_search()
            drive = Drive(
                config, settings, engine, asked_of, recorded, log, on_progress, stop or Event(), prices
            )
            drive.account = account
            try:
                pump = drive.run((question for _, question in mine), keep)
            finally:
                log.append("session", {"seconds": time.monotonic() - began, "stopped_by": drive.stopped_by})
        run.commit()
        opening = (
            config.thought_open if mine and opens_thought(config, engine.prompt(mine[0][1]).text) else ""
        )
        rows = (judged_row(row, mine[at][1], verifier, opening=opening) for at, row in spool)
        write_rows(config.output_dir / f"rows-{here.rank}.jsonl", rows)
        here.wait_for_all()
        compact = report(config.output_dir, here, settings)
        here.wait_for_all()
        results = figures(compact)
        counts = ScoringCounts() if pump.scoring is None else pump.scoring.counts
        return GuidedSummary(
            method=settings.method,
            scorer="" if judge is None else judge.name,
            questions=len(asked) - sum(not each.line for each in faults),
            finished=len(compact),
            results=results,
            calls=counts.calls,
            scored=counts.solutions,
            quarantined=len(faults),
            stopped_by=drive.stopped_by,
            warnings=tuple(warnings_of(results, settings, counts)),
            output=config.output_dir,
            seconds=time.monotonic() - began,
            rank=here.rank,
        )
