"""What a run would have found under other settings, decided from the responses that it recorded."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from omega_fast.config import LEDGER, AnnotateConfig, changed, settings_of
from omega_fast.config.sources import Source, check_names
from omega_fast.errors import ConfigError, InputError
from omega_fast.jobs.annotate import open_run, run_config
from omega_fast.jobs.demo import check_against_truth
from omega_fast.jobs.session import Recall, recall, replay_into
from omega_fast.search.book import QuestionBook
from omega_fast.search.projection import ArtifactsFile, artifacts_path
from omega_fast.search.recorded import RecordedResponses
from omega_fast.store import Artifacts, RunDirectory, RunView
from omega_fast.summary import Figures, Proportion, Reach, StoppedQuestion, WhatIfSummary

__all__ = ["what_if"]

_COPIED = {
    "question",
    "verifier",
    "majority",
    "thought",
    "solution_verdict",
    "state",
    "rollout",
    "verdict",
    "lost",
}
"""What a what-if run takes over from the log: not the configuration, the sessions, or rates learnt under others."""

_DECIDING = ("Search", "Steps", "Budget per question")
_ALSO_DECIDING = ("no_answer", "truncated")
_RESPONSES = "it would need other responses: start a run of its own with it"
_VERDICTS = (
    "the recorded verdicts rest on it: judge the run again with `omega reverify`, or start a run of its own"
)
_NOTHING_TO_SEE = "it decides no label: leave it out"
_WHY_NOT: Mapping[str, str] = {
    "Model": _RESPONSES,
    "Prompt": _RESPONSES,
    "Sampling": _RESPONSES,
    "seed": _RESPONSES,
    "slots": _NOTHING_TO_SEE,
    "threads": _NOTHING_TO_SEE,
    "Questions": "the run has the questions it has: start a run of its own with it",
    "Answers": _VERDICTS,
    "thought_open": _VERDICTS,
    "thought_close": _VERDICTS,
    "thought_opened": _VERDICTS,
}
_SETTINGS = {each.name: each for each in settings_of(AnnotateConfig)}
_CHANGEABLE = [
    name
    for name, each in _SETTINGS.items()
    if name in _ALSO_DECIDING or (each.group in _DECIDING and name not in _WHY_NOT)
]


def what_if(run: Path, settings: Mapping[str, Any], *, output: Path | None = None) -> WhatIfSummary:
    """Decide a run again from its recorded responses under changed settings of the search, as far as they reach.

    A draw is named by question, state and number, and its seed follows from that name; so one that the log has is the
    one these settings would have drawn. A question that wants one the log lacks stops there, with what it had decided
    until then. What is decided to its end is what a run under these settings finds, byte for byte.

    Args:
        run: The run directory, of a finished run or not; nothing in it is written.
        settings: What to change: settings of the search, of the steps, budgets for one question, `no_answer` and
            `truncated`; as values, or as text.
        output: A run directory to make, with the responses and the new labels, that other commands read and that
            `omega annotate` with these settings goes on from. The labels of stopped questions are in its
            `stopped.jsonl`.

    Raises:
        ConfigError: If a setting is unknown, cannot work, or is one that the responses rest on.
        InputError: If `output` is not empty.
        StoreError: If there is no run, it is damaged, or `output` cannot be written.
    """
    check_names(Source("--set", settings), _SETTINGS)
    for name in settings:
        _refuse_unless_deciding(name)
    view = RunDirectory.read(run)
    before = run_config(run)
    after = changed(before, settings, changes_from="--set")
    if output is not None and output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise InputError(f"{output} is there already", hint="choose another folder for the what-if run")
    recalled = recall(view)
    original = _Decided(before.question_file == LEDGER)
    _decide(view, recalled, before, original)
    with ExitStack() as files:
        kept = [] if output is None else [files.enter_context(closing(each)) for each in _files(output)]
        again = _Decided(before.question_file == LEDGER, [each.add for each in kept])
        _decide(view, recalled, after, again)
        summary = _summary(view, _changes(before, after), recalled, original, again)
        if output is not None:
            _write(view, output, after, summary)
            for file in kept:
                file.finish()
    return replace(summary, output=output)


def _refuse_unless_deciding(name: str) -> None:
    if name not in _CHANGEABLE:
        why = _WHY_NOT.get(name) or _WHY_NOT.get(_SETTINGS[name].group, _NOTHING_TO_SEE)
        raise ConfigError(
            f"{name} cannot be changed for recorded responses: {why}",
            hint=f"what can be changed: {', '.join(_CHANGEABLE)}",
        )


@dataclass(slots=True)
class _Decided:
    """Takes the artifacts of a replay, those of stopped questions apart, and keeps their figures.

    Attributes:
        has_truth: The task knows the first errors.
        sinks: Where artifacts go besides: those decided to their end, and those of stopped questions.
        stopping: From here on they are of stopped questions.
        finished: Figures of questions decided to their end, by number.
        stopped: Figures of the others, by number, and how far they came.
        answered: Draws that the log answered.
        unanswered: Draws that it did not.
        rollouts: Rollouts in the log.
    """

    has_truth: bool
    sinks: list[Callable[[int, bytes], None]] = field(default_factory=list)
    stopping: bool = False
    finished: dict[int, Figures] = field(default_factory=dict)
    stopped: dict[int, tuple[Figures, StoppedQuestion]] = field(default_factory=dict)
    answered: int = 0
    unanswered: int = 0
    rollouts: int = 0

    def __call__(self, number: int, line: bytes) -> None:
        """Keep one question's."""
        artifacts = Artifacts.from_json(line)
        figures = _figures(artifacts, has_truth=self.has_truth)
        if self.stopping:
            stop = StoppedQuestion(artifacts.question.id, len(artifacts.searches), figures.rollouts)
            self.stopped[number] = figures, stop
        else:
            self.finished[number] = figures
        if self.sinks:
            self.sinks[self.stopping](number, line)


def _decide(view: RunView, recalled: Recall, config: AnnotateConfig, decided: _Decided) -> None:
    """Decide the run again, and stop the questions that wait for draws the log lacks."""
    # All may be open: one that waits for what the log lacks must not keep another from starting.
    config = config.model_copy(update={"max_open": max(1, len(recalled.questions))})
    # Rates learnt under other settings are not to be compared with.
    recalled = replace(recalled, epochs=[])
    book, recorded = replay_into(
        view, recalled, config=config, questions=recalled.questions.values(), sink=decided
    )
    decided.stopping = True
    decided.answered, decided.rollouts = recorded.answered, recorded.rollouts
    decided.unanswered = _stop(book, recorded)


def _stop(book: QuestionBook, recorded: RecordedResponses) -> int:
    unanswered = recorded.take_unclaimed()
    for number in sorted({request.question for request in unanswered}):
        book.scheduler.stop(number)
    book.collect()
    return len(unanswered)


def _figures(artifacts: Artifacts, *, has_truth: bool) -> Figures:
    exact, right = check_against_truth([artifacts]) if has_truth else (None, None)
    counts = artifacts.counts
    return Figures(
        questions=1,
        rollouts=counts.rollouts,
        tokens=counts.tokens,
        searches=counts.searches,
        located=counts.located,
        labels=sum(node.hard is not None for node in artifacts.nodes),
        exact_hits=exact,
        right_labels=right,
    )


def _changes(before: AnnotateConfig, after: AnnotateConfig) -> dict[str, tuple[Any, Any]]:
    was, now = before.model_dump(mode="json"), after.model_dump(mode="json")
    return {name: (was[name], now[name]) for name in _CHANGEABLE if was[name] != now[name]}


def _summary(
    view: RunView,
    changes: Mapping[str, tuple[Any, Any]],
    recalled: Recall,
    original: _Decided,
    again: _Decided,
) -> WhatIfSummary:
    truth = Proportion(0, 0) if original.has_truth else None
    none = Figures(exact_hits=truth, right_labels=truth)
    also = {number: figures for number, figures in original.finished.items() if number in again.finished}
    stopped = [again.stopped[number] for number in sorted(again.stopped)]
    return WhatIfSummary(
        run=view.path,
        output=None,
        changes=changes,
        questions=len(recalled.questions),
        original=sum(original.finished.values(), none),
        original_same_questions=sum(also.values(), none),
        decided=sum(again.finished.values(), none),
        so_far=sum((figures for figures, _ in stopped), none),
        stopped=tuple(stop for _, stop in stopped),
        reach=Reach(
            draws_wanted=again.answered + again.unanswered,
            draws_answered=again.answered,
            draws_recorded=again.rollouts + recalled.lost,
        ),
    )


def _files(output: Path) -> Iterable[ArtifactsFile]:
    output.mkdir(parents=True, exist_ok=True)
    return ArtifactsFile(artifacts_path(output)), ArtifactsFile(output / "stopped.jsonl")


def _write(view: RunView, output: Path, config: AnnotateConfig, summary: WhatIfSummary) -> None:
    """Make the what-if run: the log's responses under the new settings, and in log and manifest what it is."""
    source = view.manifest
    mark = orjson.loads(orjson.dumps(summary.to_dict()))
    mark["run"] = os.fspath(view.path.absolute())
    del mark["output"]
    prints = {**source.configuration.fingerprints, "what_if": mark}
    config = config.model_copy(update={"output_dir": output})
    with open_run(config, prints) as target:
        for record in view.records(_COPIED):
            target.append(record.kind, record.body)
        target.append("what_if", mark)
