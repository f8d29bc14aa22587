"""The format `steps`: three columns, the question with the solution so far, the next step, and its value.

As openr's data augmentation writes it, CSV first of all. The columns are called `prefix`, `step` and `value` here;
others' are read by their order, with or without a line of names. The value is the soft label, or else the hard one as 1
or 0. Lost: where the question ends and the solution begins (so a row read back is a one-step solution of its `prefix`),
whether a value was measured, the gold answer, ids, the source.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from omega_fast.store.artifacts import Artifacts
from omega_fast.store.formats.base import ExportOptions, Format
from omega_fast.store.formats.fields import share, text
from omega_fast.store.formats.files import FOLDER, Row
from omega_fast.store.formats.flat import join_question
from omega_fast.store.formats.labelled import LabelledSolution, labelled, with_separators
from omega_fast.store.formats.soft import soft_label

if TYPE_CHECKING:
    import pyarrow

__all__ = ["STEPS", "StepRow"]

_NAMES = ("prefix", "step", "value")


@dataclass(frozen=True, slots=True)
class StepRow:
    """A step with what stands before it, and its value in [0, 1]."""

    prefix: str
    step: str
    value: float


def _rows_of(artifacts: Artifacts, _: ExportOptions) -> Iterator[StepRow]:
    problem = artifacts.question.problem
    for node in artifacts.nodes:
        soft = soft_label(node)
        value = _value(None if soft is None else soft.label, node.hard)
        if node.parent is not None and value is not None:
            yield StepRow(join_question(problem, artifacts.prefix(node.parent)), node.step, value)


def _from_solution(solution: LabelledSolution) -> list[StepRow]:
    rows = []
    prefix = ""
    for step, soft, hard in zip(with_separators(solution.steps), solution.soft, solution.hard, strict=True):
        value = _value(soft, hard)
        if value is not None:
            rows.append(StepRow(join_question(solution.question, prefix), step, value))
        prefix += step
    if not rows:
        raise ValueError("none of its steps has a label")
    return rows


def _to_solutions(rows: Sequence[StepRow]) -> Iterator[LabelledSolution]:
    return (labelled(row.prefix, (row.step,), soft=(row.value,)) for row in rows)


def _value(soft: float | None, hard: bool | None) -> float | None:
    return soft if soft is not None or hard is None else float(hard)


def _to_json(row: StepRow, _: ExportOptions) -> dict[str, Any]:
    return {"prefix": row.prefix, "step": row.step, "value": row.value}


def _from_json(row: Row) -> StepRow:
    if len(row) != len(_NAMES):
        raise ValueError("there are not three columns")
    if set(row) != set(_NAMES):
        row = dict(zip(_NAMES, row.values(), strict=True))
    said = row["value"]
    value = share(float(said) if isinstance(said, str) else said)
    if value is None:
        raise ValueError("there is no value")
    return StepRow(text(row, "prefix"), text(row, "step"), value)


def _columns() -> pyarrow.Schema:
    import pyarrow as pa  # noqa: PLC0415 - half a second that only columns should cost

    return pa.schema({"prefix": pa.string(), "step": pa.string(), "value": pa.float64()})


STEPS = Format(
    name="steps",
    description="three columns: question and solution so far, next step, its value",
    suffixes=(".csv", ".jsonl", ".json", ".parquet", FOLDER),
    to_json=_to_json,
    from_json=_from_json,
    rows_of=_rows_of,
    from_solution=_from_solution,
    to_solutions=_to_solutions,
    columns=_columns,
)
