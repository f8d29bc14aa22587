"""The format `trl`: stepwise supervision as TRL reads it, one row for each fully labelled solution.

`{"prompt", "completions": [step, ...], "labels": [bool, ...]}`, and two columns of this package, which TRL's trainer
drops with all it does not know: `soft_labels`, because TRL turns the labels into integers, null where a step has no
estimate, and `question_id`. The steps carry their own separators, so their concatenation is the solution. Lost: the
gold answer, the source.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from omega_fast.store.formats.base import ExportOptions, Format
from omega_fast.store.formats.fields import listed, optional_text, share, text, texts
from omega_fast.store.formats.files import FOLDER, Row
from omega_fast.store.formats.labelled import LabelledSolution, labelled, wholly_labelled

if TYPE_CHECKING:
    import pyarrow

__all__ = ["TRL", "StepwiseRow"]


@dataclass(frozen=True, slots=True)
class StepwiseRow:
    """A solution with a label for each step.

    Attributes:
        prompt: The question.
        completions: The steps, separators included.
        labels: Whether each is right; the same length.
        soft_labels: The estimate at the end of each; `None` where there is none. The same length.
        question_id: The question's id, if it has one.
    """

    prompt: str
    completions: tuple[str, ...]
    labels: tuple[bool, ...]
    soft_labels: tuple[float | None, ...]
    question_id: str | None = None


def _from_solution(solution: LabelledSolution) -> list[StepwiseRow]:
    kept = wholly_labelled(solution)
    labels = tuple(right is True for right in kept.hard)
    return [StepwiseRow(kept.question, kept.steps, labels, kept.soft, kept.question_id)]


def _to_solutions(rows: Sequence[StepwiseRow]) -> Iterator[LabelledSolution]:
    return (
        labelled(row.prompt, row.completions, row.labels, row.soft_labels, question_id=row.question_id)
        for row in rows
    )


def _to_json(row: StepwiseRow, _: ExportOptions) -> dict[str, Any]:
    return {
        "prompt": row.prompt,
        "completions": list(row.completions),
        "labels": list(row.labels),
        "soft_labels": list(row.soft_labels),
        "question_id": row.question_id,
    }


def _from_json(row: Row) -> StepwiseRow:
    labels = tuple(bool(label) for label in listed(row, "labels"))
    soft = row.get("soft_labels")
    read = StepwiseRow(
        prompt=text(row, "prompt"),
        completions=texts(row, "completions"),
        labels=labels,
        soft_labels=(None,) * len(labels) if soft is None else tuple(share(label) for label in soft),
        question_id=optional_text(row, "question_id"),
    )
    if not len(read.completions) == len(labels) == len(read.soft_labels):
        raise ValueError("completions and labels differ in number")
    return read


def _columns() -> pyarrow.Schema:
    import pyarrow as pa  # noqa: PLC0415 - half a second that only Parquet should cost

    return pa.schema(
        {
            "prompt": pa.string(),
            "completions": pa.list_(pa.string()),
            "labels": pa.list_(pa.bool_()),
            "soft_labels": pa.list_(pa.float64()),
            "question_id": pa.string(),
        }
    )


TRL = Format(
    name="trl",
    description="TRL stepwise supervision: one row for each fully labelled solution",
    suffixes=(".jsonl", ".json", ".parquet", FOLDER),
    to_json=_to_json,
    from_json=_from_json,
    from_solution=_from_solution,
    to_solutions=_to_solutions,
    columns=_columns,
)
