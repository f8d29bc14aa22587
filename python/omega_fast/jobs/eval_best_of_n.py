"""The job behind `omega eval best-of-n`: what choosing among N samples by a scorer is worth."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from omega_fast.errors import ConfigError
from omega_fast.eval.best_of_n import Samples, best_scored, majority, pass_at_k, subsets_of, weighted
from omega_fast.eval.intervals import mean_of
from omega_fast.eval.rewards import NO_SCORE, implicit_rewards, sigmoid
from omega_fast.eval.sample_files import SampledQuestion, read_golds, read_samples
from omega_fast.jobs.evaluation import Evaluation, OnScored, ScorerOptions, evaluation
from omega_fast.jobs.scoring import Columns, Scored, ScoreMany, Solution, key_of
from omega_fast.models.aggregate import AGGREGATIONS, Aggregation, aggregate
from omega_fast.records import Question, StepScorer
from omega_fast.store.formats import RowFault
from omega_fast.summary import EvalSummary
from omega_fast.verifiers.answer import AnswerVerifier
from omega_fast.verifiers.base import Verifier
from omega_fast.verifiers.checker import load_verifier
from omega_fast.verifiers.grouping import AnswerGroups, group_answers

__all__ = ["SIZES", "eval_best_of_n"]

SIZES = (1, 2, 4, 8, 16, 32, 64)
"""The N that are looked at, as far as there are so many samples."""


def eval_best_of_n(
    files: Sequence[Path],
    *,
    scorer: str | StepScorer | None = None,
    output: Path,
    shape: str = "auto",
    options: ScorerOptions = ScorerOptions(),  # noqa: B008 - frozen
    gold: Path | None = None,
    verifier: str | None = None,
    plain_answers: bool = False,
    separator: str = "\n\n",
    split_pattern: str | None = None,
    aggregations: Sequence[Aggregation] = ("min", "prod", "last"),
    seed: int = 0,
    on_progress: OnScored = None,
) -> EvalSummary:
    r"""Accuracy of choosing among N samples: by score, by majority, by votes weighted with scores; and pass@k.

    Args:
        files: Questions with their samples, archives among them; see `omega_fast.eval.sample_files`.
        scorer: A checkpoint, a `module:function`, or an object; without one, majority and pass@k alone. One that tells
            the log-probabilities of steps is evaluated as ImplicitPRM was.
        output: Folder for scores and results; the same one goes on where it was left.
        shape: Of the checkpoint.
        options: How the scorer is run.
        gold: A question file with gold answers, by problem text.
        verifier: Judges answers: `module:function`; by default the rules of `omega annotate`.
        plain_answers: Take the last number of a solution that marks no answer.
        separator: What separates the steps of a sample.
        split_pattern: A regular expression instead, which separates steps and is dropped, such as `Step \d+:`.
        aggregations: How step scores become one score.
        seed: Of the subsets that are drawn where there are too many.
        on_progress: Told how far the scoring is.

    Raises:
        ConfigError: An aggregation, the pattern or the verifier is none.
        InputError: No question can be used.
        BackendError: The scorer cannot be loaded, or fails.
        RunConflictError: The folder holds scores of another scorer.
    """
    if unknown := [each for each in aggregations if each not in AGGREGATIONS]:
        raise ConfigError(f"there is no aggregation {unknown[0]!r}", hint=f"use {', '.join(AGGREGATIONS)}")
    cut = _cutter(separator, split_pattern)
    with evaluation("best-of-n", output, on_progress) as run:
        golds = read_golds(gold, run.on_fault) if gold is not None else {}
        found = [each for file in files for each in read_samples(file, run.on_fault)]
        judged = list(_judged(run, found, golds, _verifier(verifier, plain_answers)))
        if scorer is None:
            rewards: list[Mapping[str, list[float]]] = [{} for _ in judged]
        else:
            asked = [[(q.problem, cut(each.text)) for each in q.solutions] for q in map(_question, judged)]
            flat = (each for solutions in asked for each in solutions if each[1])
            scored = run.score(flat, scorer, shape, options, _log_probs)
            rewards = _rewards(asked, scored, aggregations, options.coefficient)
        return _report(run, judged, rewards, seed)


@dataclass(frozen=True, slots=True)
class _Judged:
    sampled: SampledQuestion
    groups: AnswerGroups

    @property
    def samples(self) -> Samples:
        return Samples(self.groups.groups, self.groups.correct)


def _verifier(name: str | None, plain: bool) -> Verifier:
    return load_verifier(name) if name is not None else AnswerVerifier(plain=plain)


def _cutter(separator: str, pattern: str | None) -> Callable[[str], tuple[str, ...]]:
    if not separator and pattern is None:
        raise ConfigError("the separator is empty", hint=r"give a text such as \n\n")
    try:
        compiled = re.compile(re.escape(separator) if pattern is None else pattern)
    except re.error as error:
        raise ConfigError(f"{pattern!r} is no pattern: {error}", hint=r"such as 'Step \d+:'") from error
    return lambda text: tuple(part.strip() for part in compiled.split(text) if part and part.strip())


def _judged(
    run: Evaluation, found: Sequence[SampledQuestion], golds: Mapping[str, str], verifier: Verifier
) -> list[_Judged]:
    judged = []
    with verifier:
        for each in found:
            question = each.question
            if question.answer is None and question.problem.strip() in golds:
                question = replace(question, answer=golds[question.problem.strip()])
            if question.answer is None and any(s.correct is None for s in question.solutions):
                reason = "has neither a gold answer nor samples that say whether they are right"
                run.on_fault(RowFault(each.place, reason, {"problem": question.problem}))
                continue
            judged.append(_Judged(each, group_answers(question, verifier)))
    return judged


def _question(judged: _Judged) -> Question:
    return judged.sampled.question


def _rewards(
    asked: Sequence[Sequence[Solution]],
    scored: Scored,
    aggregations: Sequence[Aggregation],
    coefficient: float,
) -> list[Mapping[str, list[float]]]:
    """For each question and each rule the score of each sample."""
    by_key = {key: _by_rule(columns, aggregations, coefficient) for key, columns in scored.columns.items()}
    rules = dict.fromkeys(rule for each in by_key.values() for rule in each)
    return [
        {rule: [by_key.get(key_of(one), {}).get(rule, NO_SCORE) for one in solutions] for rule in rules}
        for solutions in asked
    ]


def _log_probs(scorer: StepScorer) -> ScoreMany | None:
    """How implicit process rewards are asked for, if the scorer has them."""
    return cast("ScoreMany | None", getattr(scorer, "step_log_probs", None))


def _by_rule(
    columns: Columns, aggregations: Sequence[Aggregation], coefficient: float
) -> Mapping[str, float]:
    rules: dict[str, float] = {}
    if "scores" in columns:
        rules |= {how: aggregate(columns["scores"], how) for how in aggregations}
    if "policy" in columns:
        rules |= implicit_rewards(columns["policy"], columns.get("reference"), coefficient)
    return rules


def _report(
    run: Evaluation,
    judged: Sequence[_Judged],
    rewards: Sequence[Mapping[str, list[float]]],
    seed: int,
) -> EvalSummary:
    cases = [
        _Case(f"{seed}/{at}", each.sampled.place.path.stem, each.samples, columns)
        for at, (each, columns) in enumerate(zip(judged, rewards, strict=True))
    ]
    files = dict.fromkeys(case.file for case in cases)
    results: dict[str, Any] = {
        "questions": len(judged),
        "samples": sum(len(case.samples.correct) for case in cases),
        "unjudged": sum(each.groups.unjudged for each in judged),
        "unscored": sum(next(iter(case.rewards.values())).count(NO_SCORE) for case in cases if case.rewards),
        "interval": "Wilson's, over questions, 95 %",
        **_figures(cases),
        "files": {
            name: _figures([case for case in cases if case.file == name]) for name in files if len(files) > 1
        },
    }
    return run.finish(results, [_row(*each) for each in zip(judged, rewards, strict=True)])


@dataclass(frozen=True, slots=True)
class _Case:
    """A question: what its subsets are drawn by, the file it stands in, its samples and their scores by rule."""

    seed: str
    file: str
    samples: Samples
    rewards: Mapping[str, list[float]]


def _figures(cases: Sequence[_Case]) -> dict[str, Any]:
    """Every figure at every N, over the questions that have so many samples."""
    rules = list(cases[0].rewards) if cases else []
    found: dict[str, Any] = {"pass": {}, "majority": {}, "first": {}}
    found |= {kind: {rule: {} for rule in rules} for kind in ("best", "weighted")}
    for n in SIZES:
        enough = [case for case in cases if len(case.samples.correct) >= n]
        if not enough:
            break
        passed = [pass_at_k(len(each.samples.correct), sum(each.samples.correct), n) for each in enough]
        found["pass"][str(n)] = mean_of(passed).to_dict()
        found["majority"][str(n)] = mean_of([majority(each.samples, n) for each in enough]).to_dict()
        found["first"][str(n)] = _first(enough, n)
        drawn = [subsets_of(len(each.samples.correct), n, seed=f"{each.seed}/{n}") for each in enough]
        for rule in rules:
            best = [best_scored(each.rewards[rule], each.samples.correct, n) for each in enough]
            voted = [
                weighted(each.samples, _weights(rule, each.rewards[rule]), subsets)
                for each, subsets in zip(enough, drawn, strict=True)
            ]
            found["best"][rule][str(n)] = mean_of(best).to_dict()
            found["weighted"][rule][str(n)] = {
                **mean_of([value for value, _ in voted]).to_dict(),
                "drawn": sum(not each.exact for each in drawn),
                "sampling_error": sum(variance for _, variance in voted) ** 0.5 / len(voted),
            }
    return found


def _weights(rule: str, column: list[float]) -> list[float]:
    """What a sample weighs in a vote: its score, or the sigmoid of an implicit reward, which may be negative."""
    return [sigmoid(each) for each in column] if "/" in rule else column


def _first(cases: Sequence[_Case], n: int) -> dict[str, float]:
    """What the first N samples alone give, as published programs count: the first of equals is taken."""
    found: dict[str, list[bool]] = {"pass": [], "majority": []}
    for case in cases:
        votes = [answer for answer in case.samples.answers[:n] if answer is not None]
        voted = max(dict.fromkeys(votes), key=votes.count, default=None)
        found["pass"].append(any(case.samples.correct[:n]))
        found["majority"].append(voted is not None and voted == case.samples.right_class)
        for rule, column in case.rewards.items():
            best = max(range(n), key=lambda at: column[at])
            found.setdefault(f"best/{rule}", []).append(case.samples.correct[best])
    return {name: sum(values) / len(values) for name, values in found.items()}


def _row(judged: _Judged, columns: Mapping[str, list[float]]) -> Mapping[str, Any]:
    return {
        "id": judged.sampled.question.id,
        "answers": list(judged.groups.groups),
        "correct": list(judged.groups.correct),
        "scores": {
            rule: [None if score == NO_SCORE else score for score in column]
            for rule, column in columns.items()
        },
    }
