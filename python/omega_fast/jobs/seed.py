"""A seed set: questions with solutions of the policy, right and wrong, in a run that the same call resumes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf
from pathlib import Path
from threading import Event
from typing import Any

from omega_fast._core import step_cuts
from omega_fast.backends.base import Backend
from omega_fast.config import AnnotateConfig
from omega_fast.data_summary import SeedSummary
from omega_fast.errors import ConfigError
from omega_fast.jobs.annotate import annotate, roots_alone
from omega_fast.jobs.scorers import ScorerOptions, opened
from omega_fast.jobs.scoring import Solution, key_of, probabilities, score_all
from omega_fast.models.aggregate import aggregate
from omega_fast.records import Question, StepScorer, Verdict
from omega_fast.search.guided.tree import steps_to_score
from omega_fast.search.projection import artifacts_path, read_artifacts
from omega_fast.store.artifacts import Artifacts
from omega_fast.store.formats.files import Row, write_rows
from omega_fast.store.formats.outcomes import outcome
from omega_fast.summary import Progress

__all__ = ["seed"]

_NAMED = 3
_FILE = "seed.jsonl"
_SCORES = "scores"

_Scores = Callable[[str, str], float | None]
"""The score of a problem's solution; `None` if it has none."""


def seed(
    config: AnnotateConfig,
    *,
    output: Path | None = None,
    right: int | None = None,
    wrong: int | None = None,
    scorer: str | StepScorer | None = None,
    shape: str = "auto",
    options: ScorerOptions = ScorerOptions(),  # noqa: B008 - frozen
    questions: Iterable[Question] | None = None,
    backend: Backend | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    stop: Event | None = None,
) -> SeedSummary:
    """Draw solutions of every question, judge them, and write them as questions with solutions.

    It is a run that draws from the questions alone: logged, resumed and replayed like every other. What the
    configuration says of searches is passed over.

    Args:
        config: What to draw: `num_rollouts` solutions a question, or `root_rollouts` if that is set.
        output: The file, JSON Lines or a JSON list; by default `export/seed.jsonl` in the run.
        right: Keep at most this many right solutions of a question, the first drawn; `None` for all.
        wrong: The same for wrong ones.
        scorer: A process reward model as `eval_guided` takes it: those that it scores highest are kept instead, by the
            product of their steps' scores. They come first, each with its `score`. What it said is kept in `scores` in
            the run, and not asked for again.
        shape: Of the scorer's checkpoint.
        options: How the scorer is run.
        questions: The questions, instead of those of `config.question_file`.
        backend: The engine, instead of the one the configuration names.
        on_progress: Told a few times a second how far the run is.
        stop: Once set, the run drains and returns; the questions finished so far are in the file.

    Raises:
        ConfigError: If nothing is to be kept, or the file is of another kind.
        RunConflictError: If the run has scores of another scorer.
        OmegaError: As `annotate` says; the scorer cannot be loaded, or fails.
    """
    path = output or config.output_dir / "export" / _FILE
    if path.suffix not in (".jsonl", ".json"):
        raise ConfigError(f"a seed set cannot be written to {path.name}", hint="end it in .jsonl or .json")
    if right == 0 and wrong == 0:
        raise ConfigError("a seed set of no solutions is empty", hint="raise --right or --wrong")
    alone = roots_alone(config).model_copy(update={"save_data_tree": False})
    run = annotate(alone, questions=questions, backend=backend, on_progress=on_progress, stop=stop)
    counts = _Counts()
    source = Path(config.model_name).name
    scores = None if scorer is None else _scored(config, scorer, shape, options)
    path.parent.mkdir(parents=True, exist_ok=True)
    written = write_rows(path, _rows(_finished(config), source, right, wrong, counts, scores=scores))
    return SeedSummary(
        run=run,
        path=path,
        questions=written,
        right=counts.right,
        wrong=counts.wrong,
        repeated=counts.repeated,
        unfinished=counts.unfinished,
        unjudged=counts.unjudged,
        without_right=counts.without_right,
        without_wrong=counts.without_wrong,
        named=tuple(counts.named),
        unscored=counts.unscored,
    )


@dataclass(slots=True)
class _Counts:
    right: int = 0
    wrong: int = 0
    repeated: int = 0
    unfinished: int = 0
    unjudged: int = 0
    without_right: int = 0
    without_wrong: int = 0
    unscored: int = 0
    named: list[str] = field(default_factory=list)


def _finished(config: AnnotateConfig) -> Iterator[Artifacts]:
    return read_artifacts(config.output_dir) if artifacts_path(config.output_dir).exists() else iter(())


def _scored(config: AnnotateConfig, scorer: str | StepScorer, shape: str, options: ScorerOptions) -> _Scores:
    """What a scorer makes of every solution in the run."""
    rule = config.core_config()

    def asked(problem: str, text: str) -> Solution:
        ends = [0, *step_cuts(rule, text)]
        encoded = text.encode()
        pieces = [encoded[start:end].decode() for start, end in pairwise(ends)]
        return problem, steps_to_score(pieces)

    every = (
        asked(artifacts.question.problem, text)
        for artifacts in _finished(config)
        for text in _texts(artifacts, _Counts())
    )
    with opened(scorer, shape, options) as found:
        said = score_all(every, probabilities(found.scorer), config.output_dir / _SCORES, found.identity)

    def score(problem: str, text: str) -> float | None:
        columns = said.columns.get(key_of(asked(problem, text)))
        return None if columns is None else aggregate(columns["scores"], "prod")

    return score


def _rows(
    finished: Iterable[Artifacts],
    source: str,
    right: int | None,
    wrong: int | None,
    counts: _Counts,
    *,
    scores: _Scores | None,
) -> Iterator[Row]:
    for artifacts in finished:
        texts = _texts(artifacts, counts)
        is_right = list(texts.values())
        counts.without_right += True not in is_right
        if False not in is_right:
            counts.without_wrong += 1
            if len(counts.named) < _NAMED:
                counts.named.append(artifacts.question.id)
        scored: dict[str, float | None] = {}
        if scores is not None:
            scored = {text: scores(artifacts.question.problem, text) for text in texts}
            counts.unscored += sum(score is None for score in scored.values())
            texts = dict(sorted(texts.items(), key=lambda each: _falling(scored[each[0]])))
        kept: dict[bool, list[str]] = {True: [], False: []}
        for text, label in texts.items():
            kept[label].append(text)
        kept = {True: kept[True][:right], False: kept[False][:wrong]}
        counts.right += len(kept[True])
        counts.wrong += len(kept[False])
        solutions = [
            {"text": text, "is_correct": label, "source": source}
            | ({"score": scored[text]} if scored.get(text) is not None else {})
            for text, label in texts.items()
            if text in kept[label]
        ]
        if solutions:
            yield _row(artifacts, solutions)


def _falling(score: float | None) -> float:
    """A key that puts high scores first and none last."""
    return inf if score is None else -score


def _texts(artifacts: Artifacts, counts: _Counts) -> dict[str, bool]:
    """The different solutions drawn from a question in the order of the draws, and whether each is right."""
    root = artifacts.nodes[0].id
    texts: dict[str, bool] = {}
    for rollout in artifacts.rollouts:
        if rollout.node != root or rollout.draw is None:
            continue
        label = outcome(rollout)
        if rollout.verdict == Verdict.TRUNCATED:
            counts.unfinished += 1
        elif label is None or not rollout.text.strip():
            counts.unjudged += 1
        elif rollout.text in texts:
            counts.repeated += 1
        else:
            texts[rollout.text] = label
    return texts


def _row(artifacts: Artifacts, solutions: list[dict[str, Any]]) -> Row:
    question = artifacts.question
    row = {"id": question.id, "problem": question.problem, "answer": question.answer, "solutions": solutions}
    if artifacts.gold_source != "given":
        row["gold_source"] = artifacts.gold_source
    return {name: value for name, value in row.items() if value is not None}
