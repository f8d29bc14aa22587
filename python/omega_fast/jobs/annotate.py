"""The main job: from a file of questions to labelled process data, in a run directory that the same call resumes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import closing, nullcontext
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from math import inf
from pathlib import Path
from threading import Event
from typing import Any

from omega_fast._core import Scheduler
from omega_fast.backends.base import Backend, CountsTraffic
from omega_fast.config import FORMER_DEFAULTS, AnnotateConfig, as_started
from omega_fast.dispatch import PumpSettings
from omega_fast.engine import Pump
from omega_fast.errors import InputError, StoreError
from omega_fast.jobs.opening import (
    open_policy,
    open_prices,
    open_questions,
    open_verifier,
    opens_thought,
    run_budgets,
)
from omega_fast.jobs.reporter import Reporter
from omega_fast.jobs.session import Recall, check_version, early_counts, recall, replay_into
from omega_fast.jobs.summing import failure_warnings, summarise
from omega_fast.journal import question_body, solution_verdict_body
from omega_fast.records import FREE, FinishReason, Question, Usage, Verdict
from omega_fast.search.book import ArtifactsSink, QuestionBook
from omega_fast.search.projection import ArtifactsFile, artifacts_path, read_artifacts
from omega_fast.spending.prices import Prices
from omega_fast.spending.purse import Purse
from omega_fast.store import RunDirectory
from omega_fast.store.formats import FORMATS, ExportOptions
from omega_fast.store.log_thread import LogThread
from omega_fast.store.manifest import read_manifest
from omega_fast.summary import Progress, RunSummary
from omega_fast.tasks.base import Fault
from omega_fast.verifiers.base import Verifier
from omega_fast.verifiers.majority import MajorityVerifier
from omega_fast.wording import counted

__all__ = ["annotate", "judge_supplied", "open_run", "roots_alone", "run_config"]

_JUDGED_AT_ONCE = 256
_FAULTS_SHOWN = 3
_WAIT_WORTH_TELLING_S = 10.0
_WAIT_WORTH_TELLING = 0.1


def annotate(
    config: AnnotateConfig,
    *,
    questions: Iterable[Question] | None = None,
    backend: Backend | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    stop: Event | None = None,
) -> RunSummary:
    """Search every question of a configuration for first errors, and leave labels, trees and a log.

    Args:
        config: What to do.
        questions: The questions, instead of those of `config.question_file`.
        backend: The engine, instead of the one the configuration names; it stays open.
        on_progress: Told a few times a second how far the run is.
        stop: Once set, the run drains and returns, incomplete and resumable.

    Raises:
        InputError: If the questions cannot be read at all.
        BackendError: If the engine cannot start, is gone, or fails whatever it is asked. The log keeps what came.
        RunConflictError: If the run directory was started with another identity, policy or verifier.
        RunLockedError: If another process is writing it.
        StoreError: If it cannot be written, or is damaged.
    """
    started = time.monotonic()
    config, kept = _as_started(config)
    faults: list[Fault] = []
    # What is wrong with the input or the search is told before a model is loaded or a folder made.
    asked = _at_least_one(
        open_questions(config, faults.append) if questions is None else questions, config, faults
    )
    Scheduler(config.core_config())
    prices = open_prices(config)
    with (
        nullcontext(backend) if backend is not None else closing(open_policy(config)) as engine,
        open_verifier(config) as verifier,
        open_run(config, {"policy": dict(engine.fingerprint())}, on_trial=True) as run,
    ):
        recalled = recall(run)
        check_version(recalled, verifier)
        changes = list(_shrunk(run.manifest.configuration.extensible, config, recalled))
        if recalled.version is None:
            run.append("verifier", {"name": config.verifier, "version": verifier.version})
            recalled.version = verifier.version
        _add_questions(run, recalled, engine, asked, faults)
        _note_thought(config, run, recalled, engine)
        run.accept()
        if isinstance(verifier, MajorityVerifier):
            for question_id, answer in recalled.majorities.items():
                verifier.restore(question_id, answer)
        stop = stop or Event()
        drive = _Drive(config, run, recalled, engine, verifier, on_progress, stop, started, started, prices)
        drive.vote()
        if not stop.is_set() and not drive.stopped_by:
            judge_supplied(config, run, recalled, verifier)
        with closing(ArtifactsFile(artifacts_path(run.path))) as artifacts:
            book = drive.search(config, recalled.questions.values(), artifacts.add)
            artifacts.finish()
        warnings = [*_export(config, run), *drive.warnings()]
        summary = summarise(
            run,
            book,
            recalled,
            rollouts=drive.rollouts,
            tokens=drive.tokens,
            lost=recalled.lost + drive.lost,
            paid_twice=recalled.paid_twice + drive.paid_twice,
            early=recalled.early + drive.early,
            seconds=recalled.seconds + drive.seconds,
            prices=prices,
            written_off=recalled.written_off + drive.written_off,
            stopped_by=drive.stopped_by,
        )
        failures = failure_warnings(verifier)
        return replace(summary, warnings=(*summary.warnings, *failures, *kept, *changes, *warnings))


@dataclass(slots=True)
class _Drive:
    """Runs searches with the engine until they end or the run is stopped."""

    config: AnnotateConfig
    run: RunDirectory
    recalled: Recall
    engine: Backend
    verifier: Verifier
    on_progress: Callable[[Progress], None] | None
    stop: Event
    started: float
    since: float
    prices: Prices | None = None
    seconds: float = 0.0
    rollouts: int = 0
    tokens: int = 0
    lost: int = 0
    paid_twice: int = 0
    early: Counter[str] = field(default_factory=Counter)
    waited_for_verdicts: float = 0.0
    written_off: Usage = FREE
    stopped_by: str = ""

    def vote(self) -> None:
        """Draw from the root of questions whose solutions cannot be judged before a majority has given a gold.

        The draws are the ones the search will ask for, so it finds them in the log.
        """
        voting = [
            question
            for question in self.recalled.questions.values()
            if question.answer is None and question.solutions and question.id not in self.recalled.majorities
        ]
        if not isinstance(self.verifier, MajorityVerifier) or self.config.solutions == "ignore" or not voting:
            return
        self.search(roots_alone(self.config), voting, lambda number, line: None)
        for question in voting:
            if self.verifier.has_voted(question.id):
                self.recalled.majorities[question.id] = self.verifier.majority(question.id)

    def search(
        self, config: AnnotateConfig, questions: Iterable[Question], sink: ArtifactsSink
    ) -> QuestionBook:
        """Search these questions, first from the log and then with the engine."""
        self.run.commit()
        book, recorded = replay_into(
            self.run,
            self.recalled,
            config=config,
            questions=questions,
            sink=sink,
            verifier=self.verifier,
        )
        settings = PumpSettings(
            retries=config.retries,
            stall_s=config.longest_wait(config.stall_timeout),
            grace_s=config.grace_period,
            speculation=config.early_share,
        )
        log = LogThread(self.run)
        before = self.recalled.written_off + self.written_off
        purse = self._purse(book, before)
        pump = Pump(
            book,
            recorded,
            self.engine,
            self.verifier,
            log,
            opening=self.recalled.opening(config),
            settings=settings,
            stop=self.stop,
            purse=purse,
        )
        reporter = Reporter(
            self.on_progress,
            book,
            recorded,
            pump,
            self.started,
            prices=self.prices,
            searches=config.max_search_count > 0,
        )
        before_pump = _counts(self.engine)
        try:
            with log:
                pump.run(reporter.step)
        except StoreError:
            raise  # nothing more can be written
        except BaseException:
            self._end_session(pump, before_pump, purse.written_off - before)
            raise
        self.stopped_by = purse.reached
        self._end_session(pump, before_pump, purse.written_off - before)
        # In the log, each search reading it from its beginning
        self.rollouts = recorded.rollouts + pump.traffic.rollouts
        self.tokens = recorded.tokens + pump.traffic.tokens
        reporter.tell()
        return book

    def warnings(self) -> Iterator[str]:
        """What the user should look at, in words."""
        waited = self.waited_for_verdicts
        if waited > max(_WAIT_WORTH_TELLING_S, _WAIT_WORTH_TELLING * self.seconds):
            yield (
                f"the engine stood idle for {waited:.0f} of {self.seconds:.0f} s while answers were checked: raise "
                "verifier_workers, or lower verifier_deadline where many answers run into it"
            )

    def _purse(self, book: QuestionBook, written_off: Usage) -> Purse:
        return Purse(
            run_budgets(self.config, self.started, self.prices),
            book.account,
            self.engine.prompt,
            time.monotonic,
            written_off=written_off,
            reached=self.stopped_by,
        )

    def _end_session(self, pump: Pump, earlier: Mapping[str, int], written_off: Usage) -> None:
        spent = time.monotonic() - self.since
        self.since += spent
        self.seconds += spent
        self.lost += pump.traffic.lost
        self.waited_for_verdicts += pump.traffic.waited_for_verdicts
        engine = {name: count - earlier[name] for name, count in _counts(self.engine).items()}
        self.paid_twice += engine.get("paid_twice", 0)
        self.early.update(early_counts(asdict(pump.traffic)))
        self.written_off += written_off
        body: dict[str, Any] = {"seconds": spent, **asdict(pump.traffic), "engine": engine}
        if written_off != FREE:
            body["written_off"] = [written_off.prompt, written_off.cached, written_off.generated]
        if self.stopped_by:
            body["stopped_by"] = self.stopped_by
        self.run.append("session", body)
        self.run.commit()


def open_run(
    config: AnnotateConfig, fingerprints: Mapping[str, Any] | None = None, *, on_trial: bool = False
) -> RunDirectory:
    """The run directory of a configuration, opened for writing. Raises like `RunDirectory.open_or_create`."""
    return RunDirectory.open_or_create(
        config.output_dir,
        identity=_identity_of(config),
        # A setting that is younger than the run had its default when there was none, or what was done before it.
        defaults={**_identity_of(AnnotateConfig(question_file=config.question_file)), **FORMER_DEFAULTS},
        extensible=config.extensible(),
        operational={**config.operational(), "verifier": config.verifier},
        fingerprints=fingerprints,
        on_trial=on_trial,
    )


def _identity_of(config: AnnotateConfig) -> dict[str, Any]:
    # Which verifier counts is told by the log, since `reverify` may change it.
    return {name: value for name, value in config.identity().items() if name != "verifier"}


def _as_started(config: AnnotateConfig) -> tuple[AnnotateConfig, tuple[str, ...]]:
    """The configuration a run goes on with, and what it keeps of former defaults, in words."""
    try:
        manifest = read_manifest(config.output_dir / "manifest.json")
    except StoreError:
        # There is none, or opening the run says what is wrong with it.
        return config, ()
    return as_started(config, manifest.configuration.identity)


def roots_alone(config: AnnotateConfig) -> AnnotateConfig:
    """The same configuration for draws from the questions themselves and no search."""
    return config.model_copy(update={"max_search_count": 0, "solutions": "ignore", "locate": "binary"})


def run_config(run: Path) -> AnnotateConfig:
    """The configuration a run was last started with. Raises `StoreError` if there is no run, or it is no annotation."""
    sections = RunDirectory.read(run).manifest.configuration
    if "job" in sections.identity:
        raise StoreError(
            f"{run} is a run of {sections.identity['job']} search and has no labels",
            hint="its figures are in results.json, its candidates in rows.jsonl",
        )
    fields = {**sections.identity, **sections.extensible, **sections.operational}
    return AnnotateConfig.model_validate({**FORMER_DEFAULTS, **fields} | {"output_dir": run})


def _at_least_one(
    questions: Iterable[Question], config: AnnotateConfig, faults: list[Fault]
) -> Iterator[Question]:
    """The same questions. Raises `InputError` if there is none, with what was wrong with the first records."""
    rest = iter(questions)
    first = next(rest, None)
    if first is not None:
        return chain((first,), rest)
    reasons = "".join(f"\n  line {fault.line}: {fault.reason}" for fault in faults[:_FAULTS_SHOWN])
    no_gold = any(fault.reason.startswith("no answer") for fault in faults)
    raise InputError(
        f"{config.question_file} holds no question that can be used{reasons}",
        hint="without gold answers, ask for gold=majority" if no_gold else "see docs/cli.md for what is read",
    )


def _shrunk(has: Mapping[str, Any], config: AnnotateConfig, recalled: Recall) -> Iterator[str]:
    """What this start asks less of than the run had, in words: its results shrink, or it changes nothing."""
    for name in ("max_search_count", "rollout_budget", "token_budget"):
        before, now = has.get(name), getattr(config, name)
        if (
            recalled.questions
            and name in has
            and (inf if now is None else now) < (inf if before is None else before)
        ):
            again = "none" if before is None else before
            yield (
                f"{name} was {'unlimited' if before is None else before} and is {now} now: labels that rest on more "
                f"are left out of the results; the log keeps what was drawn, and {name} {again} brings them back"
            )
    if config.limit is not None and len(recalled.questions) > config.limit:
        yield (
            f"limit {config.limit} is less than what the run has, {counted(len(recalled.questions), 'question')}: "
            "all of them stay in it; write to a new folder for fewer"
        )


def _add_questions(
    run: RunDirectory,
    recalled: Recall,
    engine: Backend,
    questions: Iterable[Question],
    faults: list[Fault],
) -> None:
    """Log the questions that are not in the log yet, and set aside the records that cannot be used.

    Raises `InputError` if the policy can take none of them: a template or a limit is wrong then, not a record.
    """
    refusal: InputError | None = None
    refused: list[dict[str, object]] = []
    for question in questions:
        known = recalled.questions.get(question.id)
        if known is None:
            try:
                engine.prompt(question)
            except InputError as error:
                refusal = refusal or error
                refused.append({"question": question.id, "reason": str(error)})
                continue
            run.append("question", question_body(question))
            recalled.questions[question.id] = question
        elif _content(known) != _content(question):
            raise InputError(
                f"question {question.id} is not the one this run has under that id",
                hint="give it another id, or write to a new folder",
            )
    refused += [{"file": each.path.name, "line": each.line, "reason": each.reason} for each in faults]
    run.quarantine(refused)
    if refusal is not None and not recalled.questions:
        raise InputError(f"the policy can take none of the questions: {refusal.message}", hint=refusal.hint)


def _note_thought(config: AnnotateConfig, run: RunDirectory, recalled: Recall, engine: Backend) -> None:
    """Log that prompts leave a thought open, since a replay has no engine to ask for one."""
    if config.thought_opened is not None or recalled.opens_thought or not recalled.questions:
        return
    if opens_thought(config, engine.prompt(next(iter(recalled.questions.values()))).text):
        run.append("thought", {"opened": True})
        recalled.opens_thought = True


def _counts(engine: Backend) -> Mapping[str, int]:
    return dict(engine.counts()) if isinstance(engine, CountsTraffic) else {}


def _content(question: Question) -> tuple[object, ...]:
    return question.problem, question.answer, question.solutions


def judge_supplied(
    config: AnnotateConfig,
    run: RunDirectory,
    recalled: Recall,
    verifier: Verifier,
    *,
    again: Collection[Verdict] = (),
) -> None:
    """Have every supplied solution judged that this verifier has not judged yet, or with a verdict in `again`."""
    if config.solutions == "ignore":
        return
    version = verifier.version
    jobs: dict[int, tuple[str, int]] = {}
    for job_id, (question, index) in enumerate(_unjudged(recalled, version, again)):
        jobs[job_id] = (question.id, index)
        verifier.submit(job_id, question, question.solutions[index].text, FinishReason.STOP)
        if len(jobs) >= _JUDGED_AT_ONCE:
            _collect(jobs, run, recalled, verifier)
    while jobs:
        _collect(jobs, run, recalled, verifier)


def _unjudged(recalled: Recall, version: str, again: Collection[Verdict]) -> Iterator[tuple[Question, int]]:
    for question in list(recalled.questions.values()):
        if question.answer is None and recalled.majorities.get(question.id) is None:
            continue
        for index, judgement in enumerate(recalled.judgements(question, version)):
            if judgement is None or judgement.verdict in again:
                yield question, index


def _collect(
    jobs: dict[int, tuple[str, int]], run: RunDirectory, recalled: Recall, verifier: Verifier
) -> None:
    for job_id, judgement in verifier.poll(1.0):
        question, index = jobs.pop(job_id)
        run.append("solution_verdict", solution_verdict_body(question, index, verifier.version, judgement))
        recalled.note_solution(question, index, verifier.version, judgement)


def _export(config: AnnotateConfig, run: RunDirectory) -> list[str]:
    """Write the usual formats; what could not be written, in words. The artifacts have every label."""
    warnings = []
    names = {"samples": "samples.jsonl", "flat": "flat.jsonl"}
    if config.save_data_tree:
        names["tree"] = "tree.jsonl"
    options = ExportOptions(seed=config.seed)
    for name, file in names.items():
        try:
            FORMATS[name].write(run.export_path(file), read_artifacts(run.path), options)
        except InputError as error:  # a tree can be too deep for nested JSON
            warnings.append(f"{file} was not written: {error.message}")
    return warnings
