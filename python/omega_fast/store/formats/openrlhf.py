r"""The format `openrlhf`: question and steps as one text with a marker at the end of each step, labels in a list.

`{"input": "Q Step 1: a ки\nStep 2: b ки", "value": ["+", "-"]}`, as OpenRLHF's process reward trainer reads it with
`--input_key input --label_key value --placeholder_token ки --reward_tokens + -`. Numbers in the list are read as soft
labels. Lost: soft labels beside hard ones, the gold answer, ids, the source.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omega_fast.store.formats.base import ExportOptions, Format
from omega_fast.store.formats.fields import listed, share, text
from omega_fast.store.formats.files import FOLDER, Row
from omega_fast.store.formats.labelled import LabelledSolution, keeping, labelled, wholly_labelled
from omega_fast.store.formats.math_shepherd import MARKER, steps_of
from omega_fast.store.formats.numbered import numbered

if TYPE_CHECKING:
    import pyarrow

__all__ = ["OPENRLHF"]

_SIGNS = {"+": True, "-": False}


def _from_solution(solution: LabelledSolution) -> list[LabelledSolution]:
    kept = wholly_labelled(keeping(solution))
    if any(MARKER in piece for piece in numbered(kept.question, kept.steps)):
        raise ValueError(f"its text holds {MARKER}, which marks the end of a step")
    return [kept]


def _to_json(row: LabelledSolution, _: ExportOptions) -> dict[str, Any]:
    return {
        "input": "\n".join(f"{step} {MARKER}" for step in numbered(row.question, row.steps)),
        "value": ["+" if right else "-" for right in row.hard],
    }


def _from_json(row: Row) -> LabelledSolution:
    *pieces, rest = text(row, "input").split(MARKER)
    if rest.strip():
        raise ValueError("there is text behind the last marker")
    question, steps = steps_of(pieces)
    values = listed(row, "value")
    if all(isinstance(value, str) for value in values):
        return labelled(question, steps, [_SIGNS[value] for value in values])
    return labelled(question, steps, soft=[share(value) for value in values])


def _columns() -> pyarrow.Schema:
    import pyarrow as pa  # noqa: PLC0415 - half a second that only columns should cost

    return pa.schema({"input": pa.string(), "value": pa.list_(pa.string())})


OPENRLHF = Format(
    name="openrlhf",
    description="OpenRLHF process rewards: steps with markers in one text, labels in a list",
    suffixes=(".jsonl", ".json", ".parquet", FOLDER),
    to_json=_to_json,
    from_json=_from_json,
    from_solution=_from_solution,
    to_solutions=lambda rows: rows,
    columns=_columns,
)
