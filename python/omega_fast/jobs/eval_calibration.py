"""The job behind `omega eval calibration`: step scores against hard labels and against MC, whatever format has them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omega_fast.errors import ConfigError
from omega_fast.eval.calibration import OUTCOME_LIKE_FROM, calibrate, minima_on_last
from omega_fast.exchange.convert import solutions_in, source_format
from omega_fast.jobs.evaluation import OnScored, ScorerOptions, evaluation
from omega_fast.jobs.scoring import key_of
from omega_fast.records import StepScorer
from omega_fast.store.formats import RowFault
from omega_fast.summary import EvalSummary

__all__ = ["eval_calibration"]


def eval_calibration(
    files: Sequence[Path],
    *,
    scorer: str | StepScorer | None,
    output: Path,
    from_: str = "auto",
    shape: str = "auto",
    options: ScorerOptions = ScorerOptions(),  # noqa: B008 - frozen
    on_progress: OnScored = None,
) -> EvalSummary:
    """AUROC, Brier score and calibration error of step scores against the labels of the steps.

    Hard labels, exact where their source is, and soft labels (MC, the share of continuations that end right) are two
    targets; for AUROC a step is right by MC if it is above 0.

    Args:
        files: Labelled solutions.
        scorer: A checkpoint, a `module:function`, or an object.
        output: Folder for scores and results; the same one goes on where it was left.
        from_: A key of `FORMATS`, or `auto`.
        shape: Of the checkpoint.
        options: How the scorer is run.
        on_progress: Told how far the scoring is.

    Raises:
        ConfigError: There is no scorer or no such format, or it holds no labelled solutions.
        InputError: No row can be used.
        BackendError: The scorer cannot be loaded, or fails.
        RunConflictError: The folder holds scores of another scorer.
    """
    if scorer is None:
        raise ConfigError("there is no scorer", hint="give --prm")
    with evaluation("calibration", output, on_progress) as run:
        found = []
        for file in files:
            for place, each in solutions_in(file, source_format(file, from_), run.on_fault):
                steps = tuple(step.strip() for step in each.steps)
                if not steps or not all(steps):
                    reason = "has a blank step" if steps else "has no steps"
                    run.on_fault(RowFault(place, reason, {"question": each.question}))
                else:
                    found.append((place, each, (each.question, steps)))
        scored = run.score((solution for _, _, solution in found), scorer, shape, options)
        hard: list[tuple[float, float]] = []
        soft: list[tuple[float, float]] = []
        rows: list[dict[str, Any]] = []
        for place, each, solution in found:
            key = key_of(solution)
            if key in scored.refused:
                reason = f"cannot be scored: {scored.refused[key]}"
                run.on_fault(RowFault(place, reason, {"question": each.question}))
                continue
            scores = scored.columns[key]["scores"]
            hard += [
                (s, float(label)) for s, label in zip(scores, each.hard, strict=True) if label is not None
            ]
            soft += [(s, label) for s, label in zip(scores, each.soft, strict=True) if label is not None]
            rows.append(
                {"id": each.question_id, "scores": scores, "hard": list(each.hard), "soft": list(each.soft)}
            )
        share = minima_on_last([row["scores"] for row in rows])
        results = {
            "hard_labels": calibrate(hard).to_dict(),
            "mc": calibrate(soft).to_dict(),
            "minima_on_last": share,
            "outcome_like": share is not None and share > OUTCOME_LIKE_FROM,
        }
        return run.finish(results, rows)
