"""What the evaluations have in common: the scorer opened, rows set aside, solutions scored, results written."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from omega_fast.errors import InputError
from omega_fast.exchange.refused import refusing
from omega_fast.jobs.ranks import Ranks, ranks
from omega_fast.jobs.scorers import ScorerOptions, opened
from omega_fast.jobs.scoring import Scored, ScoreMany, Solution, probabilities, score_all
from omega_fast.models.base import QueuedScorer
from omega_fast.records import StepScorer
from omega_fast.store.files import LocalFileSystem, folder_made, write_atomically
from omega_fast.store.formats.files import RowFault, write_rows
from omega_fast.store.lock import RunLock
from omega_fast.summary import EvalSummary

__all__ = ["Evaluation", "OnScored", "ScorerOptions", "evaluation"]

OnScored = Callable[[int, int], None] | None
"""Told how many of this process's solutions are scored, and how many it has."""


@dataclass(slots=True)
class Evaluation:
    """An evaluation under way.

    Attributes:
        benchmark: Its name.
        output: The folder it writes.
        here: This process.
        refuse: Takes the rows that cannot be used.
        faults: What was refused so far.
        scorer: What is evaluated, in short.
        asked: What this process asked of it, and what that cost beside the answers.
    """

    benchmark: str
    output: Path
    here: Ranks
    refuse: Callable[[RowFault], None]
    on_progress: OnScored = None
    faults: list[RowFault] = field(default_factory=list)
    scorer: str = ""
    asked: Mapping[str, int] = field(default_factory=dict)
    _began: float = field(default_factory=time.monotonic)

    def on_fault(self, fault: RowFault) -> None:
        """Set a row aside."""
        self.faults.append(fault)
        self.refuse(fault)

    def score(
        self,
        solutions: Iterable[Solution],
        scorer: str | StepScorer,
        shape: str,
        options: ScorerOptions,
        asked_by: Callable[[StepScorer], ScoreMany | None] = lambda _: None,
    ) -> Scored:
        """The scores of all solutions, from this start or earlier ones.

        Args:
            solutions: What to score.
            scorer: As `opened` takes it.
            shape: The same.
            options: The same.
            asked_by: How a scorer is asked for something else than probabilities; `None` for these.

        Raises as `opened` and `score_all` do.
        """
        with opened(scorer, shape, options) as found:
            self.scorer = found.name
            cached = found.cached()
            otherwise = asked_by(found.scorer)
            scored = score_all(
                solutions,
                otherwise or probabilities(cached),
                self.output,
                found.identity,
                here=self.here,
                on_progress=self.on_progress,
            )
            if otherwise is None:
                self.asked = cached.counts()
            elif isinstance(found.scorer, QueuedScorer):
                self.asked = found.scorer.counts()
        return scored

    def finish(self, results: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> EvalSummary:
        """Write the figures and the rows they come from; what to tell the user.

        Raises:
            InputError: No row counts.
            StoreError: A file cannot be written.
        """
        if not rows:
            first = f": {self.faults[0].place} {self.faults[0].reason}" if self.faults else ""
            unscored = any("cannot be scored" in fault.reason for fault in self.faults)
            hint = (
                "look at what the reward model says there: one that was trained too little may give no score"
                if unscored
                else "check the file and its format"
            )
            raise InputError(f"there is no row to evaluate{first}", hint=hint)
        quarantine = self.output / "rows.jsonl.quarantine.jsonl" if self.faults else None
        summary = EvalSummary(
            benchmark=self.benchmark,
            scorer=self.scorer,
            asked=self.asked,
            rows=len(rows),
            quarantined=len(self.faults),
            quarantine=quarantine,
            results=results,
            output=self.output,
            seconds=time.monotonic() - self._began,
            rank=self.here.rank,
        )
        if self.here.rank == 0:
            write_rows(self.output / "rows.jsonl", rows)
            told = orjson.dumps(summary.to_dict(), option=orjson.OPT_INDENT_2) + b"\n"
            write_atomically(LocalFileSystem(), self.output / "results.json", told)
        return summary


@contextlib.contextmanager
def evaluation(benchmark: str, output: Path, on_progress: OnScored = None) -> Iterator[Evaluation]:
    """An evaluation that writes to `output`; of the processes of torchrun only the first writes more than scores.

    Raises:
        StoreError: The folder cannot be made.
        RunLockedError: Another evaluation is writing it.
    """
    with ranks() as here, contextlib.ExitStack() as files:
        files.enter_context(folder_made(output))
        lock = RunLock(output / f"lock-{here.rank}", LocalFileSystem())
        files.callback(lock.release)
        refused = files.enter_context(refusing(output / "rows.jsonl")) if here.rank == 0 else lambda _: None
        yield Evaluation(benchmark, output, here, refused, on_progress)
