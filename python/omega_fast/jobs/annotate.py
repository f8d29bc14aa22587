"""The main job: from a file of questions to labelled process data, in a run directory that the same call resumes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from threading import Event
from typing import Any

from omega_fast.config import AnnotateConfig
from omega_fast.engine import Pump, PumpSettings
from omega_fast.errors import InputError
from omega_fast.jobs.opening import open_policy, open_questions, open_verifier
from omega_fast.jobs.reporter import Reporter
from omega_fast.jobs.session import Recall, check_version, recall, replay_into
from omega_fast.jobs.summing import summarise
from omega_fast.journal import question_body, solution_verdict_body
from omega_fast.records import FinishReason, Question
from omega_fast.search.projection import ArtifactsFile, artifacts_path, read_artifacts
from omega_fast.store import RunDirectory
from omega_fast.store.formats import FORMATS, ExportOptions
from omega_fast.summary import Progress, RunSummary
from omega_fast.tasks.base import Fault
from omega_fast.verifiers.base import Verifier
from omega_fast.verifiers.majority import MajorityVerifier

__all__ = ["annotate", "judge_supplied", "open_run", "run_config"]

_JUDGED_AT_ONCE = 256


def annotate(
    config: AnnotateConfig,
    *,
    on_progress: Callable[[Progress], None] | None = None,
    stop: Event | None = None,
) -> RunSummary:
    """Search every question of a configuration for first errors, and leave labels, trees and a log.

    Args:
        config: What to do.
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
    with (
        closing(open_policy(config)) as backend,
        open_verifier(config) as verifier,
        open_run(config, {"policy": dict(backend.fingerprint())}) as run,
    ):
        recalled = recall(run)
        check_version(recalled, verifier)
        if recalled.version is None:
            run.append("verifier", {"name": config.verifier, "version": verifier.version})
            recalled.version = verifier.version
        quarantined = _add_questions(config, run, recalled, backend.prompt)
        judge_supplied(config, run, recalled, verifier)
        if isinstance(verifier, MajorityVerifier):
            for question_id, answer in recalled.majorities.items():
                verifier.restore(question_id, answer)
        run.commit()
        artifacts = ArtifactsFile(artifacts_path(run.path))
        with closing(artifacts):
            book, recorded = replay_into(config, run, recalled, artifacts.add, verifier)
            pump = Pump(
                book,
                recorded,
                backend,
                verifier,
                run,
                settings=PumpSettings(retries=config.retries),
                stop=stop,
            )
            reporter = Reporter(on_progress, book, recorded, pump)
            try:
                complete = pump.run(reporter.step)
            finally:
                run.append("session", {"seconds": time.monotonic() - started, **asdict(pump.traffic)})
                run.commit()
            artifacts.finish()
        _export(config, run)
        reporter.tell()
        return summarise(
            run.path,
            book,
            recalled,
            quarantined=quarantined,
            lost=recalled.lost + pump.traffic.lost,
            seconds=recalled.seconds + time.monotonic() - started,
            complete=complete,
        )


def open_run(config: AnnotateConfig, fingerprints: Mapping[str, Any] | None = None) -> RunDirectory:
    """The run directory of a configuration, opened for writing. Raises like `RunDirectory.open_or_create`."""
    # Which verifier counts is told by the log, since `reverify` may change it.
    return RunDirectory.open_or_create(
        config.output_dir,
        identity={name: value for name, value in config.identity().items() if name != "verifier"},
        extensible=config.extensible(),
        operational={**config.operational(), "verifier": config.verifier},
        fingerprints=fingerprints,
    )


def run_config(run: Path) -> AnnotateConfig:
    """The configuration a run was last started with. Raises `StoreError` if there is no run."""
    sections = RunDirectory.read(run).manifest.configuration
    fields = {**sections.identity, **sections.extensible, **sections.operational}
    return AnnotateConfig.model_validate(fields | {"output_dir": run})


def _add_questions(
    config: AnnotateConfig, run: RunDirectory, recalled: Recall, check: Callable[[Question], object]
) -> int:
    """Log the questions that are not in the log yet; how many records had to be set aside."""
    faults: list[Fault] = []
    for question in open_questions(config, faults.append):
        known = recalled.questions.get(question.id)
        if known is None:
            try:
                check(question)
            except InputError as error:
                run.quarantine({"question": question.id, "reason": str(error)})
                faults.append(Fault(Path(config.question_file), 0, str(error)))
                continue
            run.append("question", question_body(question))
            recalled.questions[question.id] = question
        elif (known.problem, known.answer) != (question.problem, question.answer):
            raise InputError(
                f"question {question.id} is not the one this run has under that id",
                hint="give it another id, or write to a new folder",
            )
    for fault in faults:
        if fault.line:
            run.quarantine({"file": fault.path.name, "line": fault.line, "reason": fault.reason})
    return len(faults)


def judge_supplied(config: AnnotateConfig, run: RunDirectory, recalled: Recall, verifier: Verifier) -> None:
    """Have every supplied solution judged that this verifier has not judged yet."""
    if config.solutions == "ignore":
        return
    version = verifier.version
    jobs: dict[int, tuple[str, int]] = {}
    for job_id, (question, index) in enumerate(_unjudged(recalled, version)):
        jobs[job_id] = (question.id, index)
        verifier.submit(job_id, question, question.solutions[index].text, FinishReason.STOP)
        if len(jobs) >= _JUDGED_AT_ONCE:
            _collect(jobs, run, recalled, verifier)
    while jobs:
        _collect(jobs, run, recalled, verifier)


def _unjudged(recalled: Recall, version: str) -> Iterator[tuple[Question, int]]:
    for question in list(recalled.questions.values()):
        if question.answer is None:
            continue
        for index, judgement in enumerate(recalled.judgements(question, version)):
            if judgement is None:
                yield question, index


def _collect(
    jobs: dict[int, tuple[str, int]], run: RunDirectory, recalled: Recall, verifier: Verifier
) -> None:
    for job_id, judgement in verifier.poll(1.0):
        question, index = jobs.pop(job_id)
        run.append("solution_verdict", solution_verdict_body(question, index, verifier.version, judgement))
        recalled.note_solution(question, index, verifier.version, judgement)


def _export(config: AnnotateConfig, run: RunDirectory) -> None:
    names = {"samples": "samples.jsonl", "flat": "flat.jsonl"}
    if config.save_data_tree:
        names["tree"] = "tree.jsonl"
    options = ExportOptions(seed=config.seed)
    for name, file in names.items():
        FORMATS[name].write(run.export_path(file), read_artifacts(run.path), options)
