"""The three-column set of a run, with every step of the rollouts it kept: a question at a time, without an engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from omega_fast._core import step_cuts
from omega_fast.config import AnnotateConfig
from omega_fast.data_summary import AugmentSummary
from omega_fast.errors import ConfigError
from omega_fast.exchange.consensus import Consensus, Judge
from omega_fast.exchange.shares import parse_shares, part_of, path_of_part
from omega_fast.exchange.step_groups import Draw, StepGroup, step_groups
from omega_fast.jobs.annotate import run_config
from omega_fast.records import Verdict
from omega_fast.search.projection import read_artifacts
from omega_fast.store import Artifacts, RunDirectory
from omega_fast.store.artifacts import Rollout
from omega_fast.store.formats import STEPS, ExportOptions
from omega_fast.store.formats.flat import join_question
from omega_fast.store.formats.labelled import solutions_of
from omega_fast.store.formats.outcomes import outcome
from omega_fast.store.formats.steps import StepRow

__all__ = ["SIMILARITY", "augment"]

SIMILARITY = 0.85
"""How similar steps of one group are at least."""

_Key = tuple[str, str]


def augment(
    run: Path,
    *,
    output: Path | None = None,
    similarity: float = SIMILARITY,
    min_rollouts: int = 1,
    consensus: Path | None = None,
    shares: str | None = None,
) -> AugmentSummary:
    """Write the labelled states of a run and the steps of its kept rollouts as (question + prefix, step, value).

    A labelled state keeps the value that the search gave it. Every other step of a rollout gets the value of its
    group: steps at equal position with the same result whose similarity is at least `similarity`, after steps of one
    group. The value is 1 if all continuations launched before the step or right after it are right, 0 if all are
    wrong, else the share that is right.

    Args:
        run: The run directory.
        output: The file; its suffix says of which kind; by default `export/augmented.csv` in the run.
        similarity: In [0, 1]; `step_groups.similarity` defines it.
        min_rollouts: Groups of fewer continuations give no value.
        consensus: A run or a file of labelled solutions by another judge: only steps stay that stand in a solution
            on whose first error it agrees, up to that error.
        shares: Splits by question, such as `train=0.9,test=0.1`: a file of that name for each beside `output`.

    Raises:
        ConfigError: If the steps of the run cannot be cut again, or the shares are no shares.
        InputError: If the file cannot be of that kind, or the judgements cannot be read.
        StoreError: If the run has no artifacts, or the file cannot be written.
    """
    config = run_config(run)
    if config.split_tokens is not None:
        raise ConfigError(
            "steps that end by their number of tokens stand at no equal positions",
            hint="export such a run with --format steps",
        )
    cutter = _Cutter(config.core_config(prompt_opens_thought=_opens_thought(run)))
    parts = None if shares is None else parse_shares(shares)
    path = output or run / "export" / "augmented.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    counts = _Counts()
    judge = None if consensus is None else Judge.read(consensus)
    work = _Augmenting(config, cutter, similarity, min_rollouts, judge, counts)
    written: dict[str, int] = {}
    if parts is None:
        written[str(path)] = STEPS.write_rows(path, work.rows(read_artifacts(run)))
    else:
        for name in parts:
            file = path_of_part(path, name)
            chosen = (each for each in read_artifacts(run) if part_of(each.question.problem, parts) == name)
            written[str(file)] = STEPS.write_rows(file, work.rows(chosen))
    return AugmentSummary(
        rows=written,
        questions=counts.questions,
        admitted=sum(1 for _ in RunDirectory.read(run).records({"question"})),
        rollouts=counts.rollouts,
        left_out=counts.left_out,
        states=counts.states,
        added=counts.added,
        groups=counts.groups,
        merged=counts.merged,
        all_right=counts.all_right,
        all_wrong=counts.all_wrong,
        mixed=counts.groups - counts.all_right - counts.all_wrong - counts.without_value,
        thin=counts.thin,
        disputed=counts.disputed,
        consensus=None if judge is None else counts.consensus.to_dict(),
    )


def _opens_thought(run: Path) -> bool:
    return any(record.body["opened"] for record in RunDirectory.read(run).records({"thought"}))


@dataclass(frozen=True, slots=True)
class _Cutter:
    """Cuts a continuation into the steps that the search saw."""

    config: str

    def __call__(self, text: str, prefix: str) -> tuple[str, ...]:
        data = text.encode()
        cuts = step_cuts(self.config, text, [], prefix)
        return tuple(data[start:end].decode() for start, end in pairwise([0, *cuts]))


@dataclass(slots=True)
class _Counts:
    questions: int = 0
    rollouts: int = 0
    left_out: int = 0
    states: int = 0
    added: int = 0
    groups: int = 0
    merged: int = 0
    all_right: int = 0
    all_wrong: int = 0
    without_value: int = 0
    thin: int = 0
    disputed: int = 0
    consensus: Consensus = field(default_factory=Consensus)


@dataclass(frozen=True, slots=True)
class _Augmenting:
    config: AnnotateConfig
    cutter: _Cutter
    similarity: float
    min_rollouts: int
    judge: Judge | None
    counts: _Counts

    def rows(self, questions: Iterator[Artifacts]) -> Iterator[StepRow]:
        for artifacts in questions:
            self.counts.questions += 1
            draws = list(self._draws(artifacts))
            states = {(row.prefix, row.step): row for row in STEPS.project(artifacts, ExportOptions())}
            added = dict(self._added(artifacts, draws, states))
            rows = states | added
            agreed = None if self.judge is None else self._agreed(artifacts, draws, rows, self.judge)
            for key, row in rows.items():
                if agreed is not None and key not in agreed:
                    self.counts.disputed += 1
                    continue
                if key in states:
                    self.counts.states += 1
                else:
                    self.counts.added += 1
                yield row

    def _draws(self, artifacts: Artifacts) -> Iterator[Draw]:
        for rollout in artifacts.rollouts:
            right = self._judged(rollout)
            if right is None or rollout.draw is None:
                self.counts.left_out += 1
                continue
            before = [node.step for node in artifacts.path(rollout.node)]
            after = self.cutter(rollout.text, artifacts.prefix(rollout.node))
            if rollout.verdict == Verdict.TRUNCATED:
                after = after[:-1]  # the limit tore it off
            self.counts.rollouts += 1
            yield Draw((*before, *after), len(before), right)

    def _judged(self, rollout: Rollout) -> bool | None:
        """Whether a rollout is right; `None` if it does not enter the run's estimates."""
        excluded = {
            Verdict.NO_ANSWER: self.config.no_answer == "exclude",
            Verdict.TRUNCATED: self.config.truncated == "exclude",
        }
        return None if excluded.get(Verdict(rollout.verdict), False) else outcome(rollout)

    def _added(
        self, artifacts: Artifacts, draws: Sequence[Draw], states: dict[_Key, StepRow]
    ) -> Iterator[tuple[_Key, StepRow]]:
        problem = artifacts.question.problem
        for group in step_groups(draws, self.similarity):
            self._count(group)
            value = group.value if group.judged >= self.min_rollouts else None
            for prefix, step in group.texts:
                key = join_question(problem, prefix), step
                if key in states:
                    continue
                if value is None:
                    self.counts.thin += 1
                else:
                    yield key, StepRow(*key, value)

    def _count(self, group: StepGroup) -> None:
        self.counts.groups += 1
        self.counts.merged += len({step for _, step in group.texts}) > 1
        self.counts.all_right += group.value == 1
        self.counts.all_wrong += group.value == 0
        self.counts.without_value += group.value is None

    def _agreed(
        self, artifacts: Artifacts, draws: Sequence[Draw], rows: dict[_Key, StepRow], judge: Judge
    ) -> set[_Key]:
        """The steps of the solutions on whose first error the judge agrees, up to that error."""
        problem = artifacts.question.problem
        wrong = {
            (join_question(problem, artifacts.prefix(node.parent)), node.step): not node.hard
            for node in artifacts.nodes
            if node.parent is not None and node.hard is not None
        }
        steps = _AgreedSteps(judge, problem, self.counts.consensus)
        for located in solutions_of(artifacts):
            steps.ask(located.steps, located.first_error)
        for draw in draws:
            keys = _keys(problem, draw.steps)
            said = [wrong.get(key, row.value == 0 if (row := rows.get(key)) else None) for key in keys]
            first = said.index(True) if True in said else None
            if first is None and not draw.right:
                self.counts.consensus.note("wrong_without_an_error")
            elif None in (said if first is None else said[:first]):
                self.counts.consensus.note("labels_have_gaps")
            elif first is not None and draw.right:
                self.counts.consensus.note("right_with_an_error")
            else:
                steps.ask(draw.steps, first)
        return steps.agreed


@dataclass(slots=True)
class _AgreedSteps:
    """The steps of one question's solutions on whose first error a judge agrees; a solution counts once."""

    judge: Judge
    problem: str
    consensus: Consensus
    agreed: set[_Key] = field(default_factory=set)
    _asked: set[tuple[str, ...]] = field(default_factory=set)

    def ask(self, steps: Sequence[str], first_error: int | None) -> None:
        kept = tuple(steps if first_error is None else steps[: first_error + 1])
        if kept in self._asked:
            return
        self._asked.add(kept)
        if self.consensus.note(self.judge.opinion(self.problem, kept, first_error)):
            self.agreed.update(_keys(self.problem, kept))


def _keys(problem: str, steps: Sequence[str]) -> Iterator[_Key]:
    prefix = ""
    for step in steps:
        yield (join_question(problem, prefix), step)
        prefix += step
