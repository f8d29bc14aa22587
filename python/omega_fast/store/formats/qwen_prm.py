"""The format `qwen-prm`: a chat whose answer has `<extra_0>` after each step, with the labels in a list.

`{"messages": [system, user, {"role": "assistant", "content": "a<extra_0>b<extra_0>"}], "labels": [1, 0],
"soft_labels": [0.9, 0.0]}`. The messages are those that the model card of Qwen2.5-Math-PRM scores, its system prompt
included; the card publishes no shape for labels, so these stand in columns of their own. Lost: the gold answer, ids,
the source.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omega_fast.store.formats.base import ExportOptions, Format
from omega_fast.store.formats.fields import listed, right_or_wrong, share, text
from omega_fast.store.formats.files import FOLDER, Row
from omega_fast.store.formats.labelled import LabelledSolution, keeping, labelled, wholly_labelled

if TYPE_CHECKING:
    import pyarrow

__all__ = ["QWEN_PRM"]

_MARKER = "<extra_0>"
_SYSTEM = "Please reason step by step, and put your final answer within \\boxed{}."


def _from_solution(solution: LabelledSolution) -> list[LabelledSolution]:
    kept = wholly_labelled(keeping(solution, "soft"))
    if "".join(f"{step}{_MARKER}" for step in kept.steps).split(_MARKER) != [*kept.steps, ""]:
        raise ValueError(f"a step holds {_MARKER}, which marks the end of a step")
    return [kept]


def _to_json(row: LabelledSolution, _: ExportOptions) -> dict[str, Any]:
    said = "".join(f"{step}{_MARKER}" for step in row.steps)
    return {
        "messages": [
            {"role": "system", "content": _SYSTEM},
            {"role": "user", "content": row.question},
            {"role": "assistant", "content": said},
        ],
        "labels": [None if right is None else int(right) for right in row.hard],
        "soft_labels": list(row.soft),
    }


def _from_json(row: Row) -> LabelledSolution:
    by_role = {text(message, "role"): text(message, "content") for message in listed(row, "messages")}
    *steps, rest = by_role["assistant"].split(_MARKER)
    if rest.strip():
        raise ValueError("there is text behind the last marker")
    return labelled(
        by_role["user"],
        steps,
        [right_or_wrong(label) for label in listed(row, "labels")],
        None if row.get("soft_labels") is None else [share(each) for each in listed(row, "soft_labels")],
    )


def _columns() -> pyarrow.Schema:
    import pyarrow as pa  # noqa: PLC0415 - half a second that only columns should cost

    message = pa.struct({"role": pa.string(), "content": pa.string()})
    return pa.schema(
        {
            "messages": pa.list_(message),
            "labels": pa.list_(pa.int8()),
            "soft_labels": pa.list_(pa.float64()),
        }
    )


QWEN_PRM = Format(
    name="qwen-prm",
    description="Qwen2.5-Math-PRM chats: <extra_0> after each step, labels in a list",
    suffixes=(".jsonl", ".json", ".parquet", FOLDER),
    to_json=_to_json,
    from_json=_from_json,
    from_solution=_from_solution,
    to_solutions=lambda rows: rows,
    columns=_columns,
)
