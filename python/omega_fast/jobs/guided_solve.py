"""The job behind `omega solve`: one question, everything in memory."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack, closing
from threading import Event
from typing import Any

from omega_fast.backends.base import Backend
from omega_fast.config import AnnotateConfig
from omega_fast.errors import InputError
from omega_fast.guided_summary import Solved, SolvedCandidate
from omega_fast.jobs.guided_drive import Drive, OnGuided
from omega_fast.jobs.guided_rows import judged_row, search_row
from omega_fast.jobs.guided_settings import guided_settings
from omega_fast.jobs.opening import open_policy, open_prices, open_verifier, opens_thought
from omega_fast.jobs.scorers import ScorerOptions, opened
from omega_fast.records import Question, StepScorer
from omega_fast.search.guided import QuestionSearch
from omega_fast.search.guided.recorded import RecordedGuidance
from omega_fast.tasks.read import stable_id
from omega_fast.wording import counted

__all__ = ["solve"]


class _NoLog:
    def append(self, kind: str, body: Mapping[str, Any]) -> None:
        """Keep nothing."""

    def tick(self) -> None:
        """Nothing to make durable."""


def solve(
    config: AnnotateConfig,
    search: Mapping[str, Any],
    problem: str,
    *,
    scorer: str | StepScorer | None = None,
    shape: str = "auto",
    options: ScorerOptions = ScorerOptions(),  # noqa: B008 - frozen
    backend: Backend | None = None,
    on_progress: OnGuided = None,
    stop: Event | None = None,
) -> Solved:
    """Search one question under a scorer.

    Args:
        config: The policy and how it is sampled.
        search: The search, by the names of `SEARCH_NAMES`.
        problem: The question.
        scorer: A checkpoint, a `module:function`, or an object; `best_of_n` can do without.
        shape: Of the checkpoint.
        options: How the scorer is run.
        backend: An open engine, instead of the one that the configuration names; it stays open.
        on_progress: Told a few times a second how far it is, with the best lines so far.
        stop: Once set, the search ends with what it has.

    Raises:
        ConfigError: A setting cannot work.
        InputError: The question is empty, or does not fit the policy.
        BackendError: The engine or the scorer cannot start, is gone, or fails whatever it is asked.
    """
    if not problem.strip():
        raise InputError("the problem is empty", hint="give the question as text")
    question = Question(stable_id(problem), problem, None)
    found: list[QuestionSearch] = []
    with ExitStack() as stack:
        judge = None if scorer is None else stack.enter_context(opened(scorer, shape, options))
        settings = guided_settings(config, search, None if judge is None else judge.scorer)
        engine = backend or stack.enter_context(closing(open_policy(config)))
        prompt = engine.prompt(question).text
        verifier = stack.enter_context(open_verifier(config))
        drive = Drive(
            config, settings, engine, None if judge is None else judge.for_search(), RecordedGuidance(), _NoLog(),
            on_progress, stop or Event(), open_prices(config), looks=True,
        )  # fmt: skip
        drive.run([question], lambda _, each: found.append(each))
        if not found:
            reason = drive.stopped_by or "it was interrupted"
            raise InputError(f"the search did not finish: {reason}", hint="give it more, or let it run")
        opening = config.thought_open if opens_thought(config, prompt) else ""
        row = judged_row(search_row(question, found[0]), question, verifier, opening=opening)
    candidates = [
        SolvedCandidate(
            tuple(each["steps"]),
            None if each["scores"] is None else tuple(each["scores"]),
            each["score"],
            each["answer"],
            each["tokens"],
        )
        for each in row["candidates"]
    ]
    by = {how: each["index"] for how, each in row["chosen"].items() if each["index"] is not None}
    warnings: tuple[str, ...] = ()
    if judge is not None and row["unscored"]:
        warnings = (f"{counted(row['unscored'], 'candidate')} could not be scored",)
    return Solved(
        problem=problem,
        candidates=candidates,
        by=by,
        tokens=row["tokens"],
        draws=row["draws"],
        cut=row["cut"],
        warnings=warnings,
    )
