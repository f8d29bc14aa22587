"""The job behind `omega eval processbench`: first errors found by a scorer, or by a model that writes verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omega_fast.errors import ConfigError, InputError
from omega_fast.eval.calibration import OUTCOME_LIKE_FROM, calibrate, minima_on_last
from omega_fast.eval.processbench import (
    best_threshold,
    f1_with_interval,
    found,
    majority_verdict,
    mean_f1,
    predict,
)
from omega_fast.eval.rows import LocatedRow, read_processbench, read_verdicts
from omega_fast.jobs.evaluation import Evaluation, OnScored, ScorerOptions, evaluation
from omega_fast.jobs.scoring import Columns, ScoreMany, Solution, key_of
from omega_fast.records import StepScorer
from omega_fast.store.formats import RowFault
from omega_fast.summary import EvalSummary

__all__ = ["eval_processbench"]


def eval_processbench(
    files: Sequence[Path],
    *,
    scorer: str | StepScorer | None = None,
    output: Path,
    shape: str = "auto",
    options: ScorerOptions = ScorerOptions(),  # noqa: B008 - frozen
    verdicts: Path | None = None,
    threshold: float | None = None,
    threshold_subset: str = "gsm8k",
    on_progress: OnScored = None,
) -> EvalSummary:
    """How well first errors are found in rows of ProcessBench's format.

    Args:
        files: The rows; ids such as `gsm8k-12` name their subsets, otherwise the files do.
        scorer: A checkpoint, a `module:function`, or an object; or else `verdicts`.
        output: Folder for scores and results; the same one goes on where it was left.
        shape: Of the checkpoint.
        options: How the scorer is run.
        verdicts: JSON Lines of `{"id", "verdicts"}`: what a model that writes verdicts said of each row.
        threshold: A step with a lower score is wrong; by default the one that is best on `threshold_subset`.
        threshold_subset: The one subset on which the threshold is chosen.
        on_progress: Told how far the scoring is.

    Raises:
        ConfigError: Neither or both of `scorer` and `verdicts` are given, or the threshold is no number in [0, 1].
        InputError: No row can be used, or two rows with verdicts have one id.
        BackendError: The scorer cannot be loaded, or fails.
        RunConflictError: The folder holds scores of another scorer.
    """
    if (scorer is None) == (verdicts is None):
        raise ConfigError("there is no scorer or there are two", hint="give --prm or --verdicts")
    if threshold is not None and not 0 <= threshold <= 1:
        raise ConfigError(
            f"the threshold {threshold} is not in [0, 1]", hint="leave it out to have it chosen"
        )
    with evaluation("processbench", output, on_progress) as run:
        rows = [row for file in files for row in read_processbench(file, run.on_fault)]
        if scorer is None:
            assert verdicts is not None, "checked above"
            return _from_verdicts(run, rows, verdicts)
        solutions = ((row.problem, row.steps) for row in rows)
        scored = run.score(solutions, scorer, shape, options, _by_verdicts)
        used, columns = [], []
        for row in rows:
            key = key_of((row.problem, row.steps))
            if key in scored.refused:
                run.on_fault(RowFault(row.place, f"cannot be scored: {scored.refused[key]}", {"id": row.id}))
            else:
                used.append(row)
                columns.append(scored.columns[key])
        if columns and "verdicts" in columns[0]:
            if threshold is not None:
                raise ConfigError("a judge has no threshold", hint="leave --threshold out")
            return _from_said(run, used, [_said(each) for each in columns])
        return _from_scores(run, used, [each["scores"] for each in columns], threshold, threshold_subset)


def _by_verdicts(scorer: StepScorer) -> ScoreMany | None:
    """How a model that writes verdicts is asked for them: a number for each sample, and whether it could be read."""
    verdicts_each = getattr(scorer, "verdicts_each", None)
    if verdicts_each is None:
        return None

    def score(solutions: Sequence[Solution]) -> list[Columns | InputError]:
        return [
            found
            if isinstance(found, InputError)
            else {
                "verdicts": [float(each or 0) for each in found],
                "readable": [float(each is not None) for each in found],
            }
            for found in verdicts_each(solutions)
        ]

    return score


def _said(columns: Columns) -> list[int | None]:
    pairs = zip(columns["verdicts"], columns["readable"], strict=True)
    return [int(verdict) if is_readable else None for verdict, is_readable in pairs]


def _from_scores(
    run: Evaluation,
    rows: Sequence[LocatedRow],
    scores: Sequence[Sequence[float]],
    given: float | None,
    subset: str,
) -> EvalSummary:
    chosen_on = [at for at, row in enumerate(rows) if row.subset == subset]
    if given is not None:
        threshold, origin = given, "given"
    else:
        best = best_threshold([rows[at].label for at in chosen_on], [scores[at] for at in chosen_on])
        threshold, origin = best.value, f"chosen on subset {subset}"
        if not best.f1:
            lacks = (
                f"finds anything on subset {subset}" if chosen_on else f"can be chosen: no subset {subset}"
            )
            origin = f"the default, since none {lacks}"
    predictions = [predict(row, threshold) for row in scores]
    share = minima_on_last(scores)
    results = {
        "threshold": threshold,
        "threshold_origin": origin,
        **_figures(rows, predictions),
        "threshold_searched_on_test": _searched(rows, scores),
        "steps": calibrate(_labelled_steps(rows, scores)).to_dict(),
        "minima_on_last": share,
        "outcome_like": share is not None and share > OUTCOME_LIKE_FROM,
    }
    told = [
        {**_named(row), "prediction": said, "scores": list(numbers)}
        for row, said, numbers in zip(rows, predictions, scores, strict=True)
    ]
    return run.finish(results, told)


def _from_verdicts(run: Evaluation, rows: Sequence[LocatedRow], path: Path) -> EvalSummary:
    said: dict[str, list[int | None]] = {}
    for name, verdicts in read_verdicts(path, run.on_fault):
        if name in said:
            raise InputError(f"{path} has two rows with the id {name!r}", hint="put all samples in one row")
        said[name] = verdicts
    run.scorer = path.name
    used = []
    for row in rows:
        if row.id in said:
            used.append(row)
        else:
            run.on_fault(RowFault(row.place, f"has no verdicts in {path}", {"id": row.id}))
    return _from_said(run, used, [said[row.id] for row in used])


def _from_said(
    run: Evaluation, used: Sequence[LocatedRow], said: Sequence[Sequence[int | None]]
) -> EvalSummary:
    predictions = [majority_verdict(each) for each in said]
    unreadable = sum(verdict is None for each in said for verdict in each)
    first = [next(iter(each), None) for each in said]
    results = {
        "samples": max(map(len, said), default=0),
        "unreadable_verdicts": unreadable,
        **_figures(used, predictions),
        "first_sample": _figures(used, first),
    }
    told = [
        {**_named(row), "prediction": prediction, "verdicts": list(each)}
        for row, prediction, each in zip(used, predictions, said, strict=True)
    ]
    return run.finish(results, told)


def _figures(rows: Sequence[LocatedRow], predictions: Sequence[int | None]) -> dict[str, Any]:
    subsets = {}
    told = {}
    for name in dict.fromkeys(row.subset for row in rows):
        pairs = [(r.label, p) for r, p in zip(rows, predictions, strict=True) if r.subset == name]
        labels, said = [label for label, _ in pairs], [prediction for _, prediction in pairs]
        subsets[name] = found(labels, said)
        interval = f1_with_interval(labels, said)
        told[name] = {**subsets[name].to_dict(), "f1_low": interval.low, "f1_high": interval.high}
    return {"average_f1": mean_f1(subsets), "subsets": told}


def _searched(rows: Sequence[LocatedRow], scores: Sequence[Sequence[float]]) -> dict[str, Any]:
    """What a threshold searched on each subset's own rows would give: an upper bound, and no result."""
    best = {}
    for name in dict.fromkeys(row.subset for row in rows):
        at = [index for index, row in enumerate(rows) if row.subset == name]
        best[name] = best_threshold([rows[i].label for i in at], [scores[i] for i in at])
    return {
        "average_f1": sum(each.f1 for each in best.values()) / max(1, len(best)),
        "subsets": {name: {"threshold": each.value, "f1": each.f1} for name, each in best.items()},
    }


def _labelled_steps(
    rows: Sequence[LocatedRow], scores: Sequence[Sequence[float]]
) -> list[tuple[float, float]]:
    """Score and label of each step up to the first wrong one; what follows it is neither."""
    return [
        (score, float(step != row.label))
        for row, numbers in zip(rows, scores, strict=True)
        for step, score in enumerate(numbers)
        if row.label < 0 or step <= row.label
    ]


def _named(row: LocatedRow) -> Mapping[str, Any]:
    return {"id": row.id, "subset": row.subset, "label": row.label}
