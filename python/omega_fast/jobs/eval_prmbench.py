"""The job behind `omega eval prmbench`: wrong steps told from right ones, by kind of error."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from omega_fast.errors import ConfigError
from omega_fast.eval.prmbench import by_class, confusion, right_steps
from omega_fast.eval.processbench import DEFAULT_THRESHOLD
from omega_fast.eval.rows import read_prmbench
from omega_fast.jobs.evaluation import OnScored, ScorerOptions, evaluation
from omega_fast.jobs.scoring import key_of
from omega_fast.records import StepScorer
from omega_fast.store.formats import RowFault
from omega_fast.summary import EvalSummary

__all__ = ["eval_prmbench"]


def eval_prmbench(
    files: Sequence[Path],
    *,
    scorer: str | StepScorer | None,
    output: Path,
    shape: str = "auto",
    options: ScorerOptions = ScorerOptions(),  # noqa: B008 - frozen
    threshold: float = DEFAULT_THRESHOLD,
    on_progress: OnScored = None,
) -> EvalSummary:
    """PRMScore by class and over all rows of files in PRMBench's format.

    Args:
        files: The rows.
        scorer: A checkpoint, a `module:function`, or an object.
        output: Folder for scores and results; the same one goes on where it was left.
        shape: Of the checkpoint.
        options: How the scorer is run.
        threshold: A step with a higher score is right.
        on_progress: Told how far the scoring is.

    Raises:
        ConfigError: There is no scorer, or the threshold is no number in [0, 1].
        InputError: No row can be used.
        BackendError: The scorer cannot be loaded, or fails.
        RunConflictError: The folder holds scores of another scorer.
    """
    if scorer is None:
        raise ConfigError("there is no scorer", hint="give --prm")
    if not 0 <= threshold <= 1:
        raise ConfigError(f"the threshold {threshold} is not in [0, 1]", hint="the published one is .5")
    with evaluation("prmbench", output, on_progress) as run:
        rows = [row for file in files for row in read_prmbench(file, run.on_fault)]
        scored = run.score(((row.problem, row.steps) for row in rows), scorer, shape, options)
        counted, told = [], []
        for row in rows:
            key = key_of((row.problem, row.steps))
            if key in scored.refused:
                run.on_fault(RowFault(row.place, f"cannot be scored: {scored.refused[key]}", {"idx": row.id}))
                continue
            scores = scored.columns[key]["scores"]
            right = right_steps(row.classification, scores, threshold)
            counted.append((row.classification, confusion(row.error_steps, right)))
            wrong = [step for step, is_right in enumerate(right, 1) if not is_right]
            told.append(
                {
                    "idx": row.id,
                    "classification": row.classification,
                    "error_steps": list(row.error_steps),
                    "taken_for_wrong": wrong,
                    "scores": scores,
                }
            )
        classes, overall = by_class(counted)
        results = {
            "threshold": threshold,
            "overall": overall.to_dict(),
            "classes": {name: counts.to_dict(name) for name, counts in classes.items()},
        }
        return run.finish(results, told)
