"""The format `rlhflow`: a solution as a talk, in which each step is said by the user and answered with + or -.

`{"conversations": [{"role": "user", "content": "Q Step 1: a"}, {"role": "assistant", "content": "+"}, ...]}`, the shape
of RLHFlow's Mistral-PRM-Data and Deepseek-PRM-Data. Lost: soft labels, the gold answer, ids, the source.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omega_fast.store.formats.base import ExportOptions, Format
from omega_fast.store.formats.fields import listed, text
from omega_fast.store.formats.files import FOLDER, Row
from omega_fast.store.formats.labelled import LabelledSolution, keeping, labelled, wholly_labelled
from omega_fast.store.formats.numbered import numbered, split_first, without_number

if TYPE_CHECKING:
    import pyarrow

__all__ = ["RLHFLOW"]

_SIGNS = {"+": True, "-": False}


def _from_solution(solution: LabelledSolution) -> list[LabelledSolution]:
    kept = wholly_labelled(keeping(solution))
    numbered(kept.question, kept.steps)
    return [kept]


def _to_json(row: LabelledSolution, _: ExportOptions) -> dict[str, Any]:
    turns: list[dict[str, str]] = []
    for step, right in zip(numbered(row.question, row.steps), row.hard, strict=True):
        turns.append({"role": "user", "content": step})
        turns.append({"role": "assistant", "content": "+" if right else "-"})
    return {"conversations": turns}


def _from_json(row: Row) -> LabelledSolution:
    turns = listed(row, "conversations")
    if not turns or [text(turn, "role") for turn in turns] != ["user", "assistant"] * (len(turns) // 2):
        raise ValueError("user and assistant do not take turns")
    said = [text(turn, "content") for turn in turns]
    question, first = split_first(said[0])
    steps = [first, *(without_number(each) for each in said[2::2])]
    return labelled(question, steps, [_SIGNS[each.strip()] for each in said[1::2]])


def _columns() -> pyarrow.Schema:
    import pyarrow as pa  # noqa: PLC0415 - half a second that only columns should cost

    turn = pa.struct({"role": pa.string(), "content": pa.string()})
    return pa.schema({"conversations": pa.list_(turn)})


RLHFLOW = Format(
    name="rlhflow",
    description="RLHFlow turns: the user says a step, the assistant answers + or -",
    suffixes=(".jsonl", ".json", ".parquet", FOLDER),
    to_json=_to_json,
    from_json=_from_json,
    from_solution=_from_solution,
    to_solutions=lambda rows: rows,
    columns=_columns,
)
