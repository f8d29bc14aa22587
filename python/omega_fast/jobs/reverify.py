"""Judging a run's rollouts again: with a newer verifier, with another one, or where the checker itself failed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from omega_fast.jobs.annotate import judge_supplied, open_run, run_config
from omega_fast.jobs.opening import open_verifier
from omega_fast.jobs.runs import replay
from omega_fast.jobs.session import Recall, recall
from omega_fast.jobs.summing import failure_warnings
from omega_fast.journal import DrawKey, judgement_from, key_of, verdict_body
from omega_fast.records import FinishReason, Verdict
from omega_fast.store import RunDirectory
from omega_fast.summary import RunSummary
from omega_fast.verifiers.base import Verifier
from omega_fast.verifiers.majority import MajorityVerifier

__all__ = ["reverify"]

_JUDGED_AT_ONCE = 256
_CHECKER_FAILED = (Verdict.TIMEOUT, Verdict.CRASH, Verdict.UNSUPPORTED)


def reverify(run: Path, *, verifier: str | None = None) -> RunSummary:
    """Judge a run again, and decide again from the new verdicts as far as its rollouts reach.

    Under the verifier version the run already has, only rollouts the checker failed on are judged again. Where
    new verdicts lead the search to states that were never sampled, `annotate` goes on from there.

    Args:
        run: The run directory.
        verifier: `answer`, or a function as `module:function`; by default the run's own.

    Raises:
        ConfigError: If the verifier cannot be opened.
        StoreError: If there is no run, it is damaged, or another process is writing it.
    """
    config = run_config(run)
    # What the configuration says may come from a start that was refused.
    own = recall(RunDirectory.read(run)).verifier or config.verifier
    config = config.model_copy(update={"verifier": verifier or own})
    with open_verifier(config) as judge, open_run(config) as directory:
        recalled = recall(directory)
        if isinstance(judge, MajorityVerifier):
            for question_id, answer in recalled.majorities.items():
                judge.restore(question_id, answer)
        _judge_rollouts(directory, recalled, judge, recalled.opening(config))
        judge_supplied(config, directory, recalled, judge, again=_CHECKER_FAILED)
        directory.append("verifier", {"name": config.verifier, "version": judge.version})
        failures = tuple(failure_warnings(judge))
    summary = replay(run)
    return replace(summary, warnings=(*summary.warnings, *failures))


def _judge_rollouts(run: RunDirectory, recalled: Recall, verifier: Verifier, opening: str) -> None:
    settled = _settled(run, verifier.version)
    prefixes: dict[tuple[str, str], str] = {}
    jobs: dict[int, DrawKey] = {}
    # The reader stops at what is durable now, so the verdicts appended below are not read.
    for record in run.records({"state", "rollout"}):
        body = record.body
        if record.kind == "state":
            prefixes[body["question"], body["state"]] = body["prefix"]
            continue
        key = key_of(body)
        if key in settled:
            continue
        settled.add(key)
        question = recalled.questions[key.question]
        awaits_vote = question.answer is None and question.id not in recalled.majorities
        if awaits_vote and isinstance(verifier, MajorityVerifier):
            continue
        prefix = prefixes.get((key.question, key.state), "")
        # A state below the root has a prefix of at least one step.
        verifier.submit(
            record.n,
            question,
            opening + prefix + body["text"],
            FinishReason(body["finish"]),
            None if prefix else key.draw,
        )
        jobs[record.n] = key
        if len(jobs) >= _JUDGED_AT_ONCE:
            _collect(jobs, run, verifier)
    while jobs:
        _collect(jobs, run, verifier)
    run.commit()


def _settled(run: RunDirectory, version: str) -> set[DrawKey]:
    """Rollouts on which this version has a word that is not its own failure."""
    settled: set[DrawKey] = set()
    for record in run.records({"verdict"}):
        if record.body["version"] == version:
            failed = judgement_from(record.body).verdict in _CHECKER_FAILED
            (settled.discard if failed else settled.add)(key_of(record.body))
    return settled


def _collect(jobs: dict[int, DrawKey], run: RunDirectory, verifier: Verifier) -> None:
    for job_id, judgement in verifier.poll(1.0):
        run.append("verdict", verdict_body(jobs.pop(job_id), verifier.version, judgement))
