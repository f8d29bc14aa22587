"""The format `processbench`: a solution with the position of its first wrong step.

`{"id", "generator", "problem", "steps", "final_answer_correct", "label"}`, `label` counted from 0, -1 if no step is
wrong, as released with ProcessBench (arXiv 2412.06559). Columns that others added are passed over. Lost: labels after
the first error, soft labels, the gold answer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from omega_fast.store.formats.base import ExportOptions, Format
from omega_fast.store.formats.fields import optional_text, right_or_wrong, text, texts
from omega_fast.store.formats.files import FOLDER, Row
from omega_fast.store.formats.labelled import LabelledSolution, keeping, labelled

if TYPE_CHECKING:
    import pyarrow

__all__ = ["PROCESSBENCH"]


def _from_solution(solution: LabelledSolution) -> list[LabelledSolution]:
    kept = keeping(solution, "question_id", "source", "correct")
    error = kept.first_error
    before = kept.hard if error is None else kept.hard[:error]
    if not all(before) or not kept.steps:
        raise ValueError(
            "a step before the first error has no hard label" if kept.steps else "it has no steps"
        )
    return [kept if error is None else replace(kept, hard=_up_to(error, len(kept.steps)))]


def _up_to(error: int, count: int) -> tuple[bool | None, ...]:
    return (True,) * error + (False,) + (None,) * (count - error - 1)


def _to_json(row: LabelledSolution, _: ExportOptions) -> dict[str, Any]:
    return {
        "id": row.question_id,
        "generator": row.source,
        "problem": row.question,
        "steps": list(row.steps),
        "final_answer_correct": row.correct,
        "label": -1 if row.first_error is None else row.first_error,
    }


def _from_json(row: Row) -> LabelledSolution:
    steps, label = texts(row, "steps"), row["label"]
    if isinstance(label, bool) or not isinstance(label, int):
        raise TypeError("label is not an integer")
    if not -1 <= label < len(steps):
        raise ValueError(f"label {label} is no step, and not -1")
    return labelled(
        text(row, "problem"),
        steps,
        (True,) * len(steps) if label < 0 else _up_to(label, len(steps)),
        question_id=optional_text(row, "id"),
        source=optional_text(row, "generator") or "",
        correct=right_or_wrong(row["final_answer_correct"]),
    )


def _columns() -> pyarrow.Schema:
    import pyarrow as pa  # noqa: PLC0415 - half a second that only columns should cost

    return pa.schema(
        {
            "id": pa.string(),
            "generator": pa.string(),
            "problem": pa.string(),
            "steps": pa.list_(pa.string()),
            "final_answer_correct": pa.bool_(),
            "label": pa.int64(),
        }
    )


PROCESSBENCH = Format(
    name="processbench",
    description="ProcessBench: a solution with the position of its first wrong step",
    suffixes=(".jsonl", ".json", ".parquet", FOLDER),
    to_json=_to_json,
    from_json=_from_json,
    from_solution=_from_solution,
    to_solutions=lambda rows: rows,
    columns=_columns,
)
