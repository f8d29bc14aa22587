"""The format `verl`: the rows of verl's reinforcement learning data, with a labelled solution beside the question.

`{"data_source", "prompt": [{"role": "user", "content"}], "ability": "math", "reward_model": {"style": "rule",
"ground_truth"}, "extra_info": {...}}`, as verl's documentation of data preparation has it. verl hands `extra_info` to
the reward function as it is; `question_id`, `correct`, `steps`, `labels` and `soft_labels` stand there. Rows of other
people have no steps: question and gold answer are read. Nothing is lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from omega_fast.store.formats.base import ExportOptions, Format
from omega_fast.store.formats.fields import listed, optional_text, right_or_wrong, share, text, texts
from omega_fast.store.formats.files import FOLDER, Row
from omega_fast.store.formats.labelled import LabelledSolution, labelled

if TYPE_CHECKING:
    import pyarrow

__all__ = ["VERL"]


def _to_json(row: LabelledSolution, _: ExportOptions) -> dict[str, Any]:
    return {
        "data_source": row.source,
        "prompt": [{"role": "user", "content": row.question}],
        "ability": "math",
        "reward_model": {"style": "rule", "ground_truth": row.answer},
        "extra_info": {
            "question_id": row.question_id,
            "correct": row.correct,
            "steps": list(row.steps),
            "labels": list(row.hard),
            "soft_labels": list(row.soft),
        },
    }


def _from_json(row: Row) -> LabelledSolution:
    asked = [message for message in listed(row, "prompt") if text(message, "role") == "user"]
    if not asked:
        raise ValueError("the prompt has no message of the user")
    more = row.get("extra_info")
    extra: Mapping[str, Any] = more if isinstance(more, Mapping) else {}
    known = extra.get("steps") is not None
    return labelled(
        optional_text(extra, "question") or text(asked[-1], "content"),
        texts(extra, "steps") if known else (),
        [right_or_wrong(label) for label in listed(extra, "labels")] if known else None,
        [share(label) for label in listed(extra, "soft_labels")] if known else None,
        answer=optional_text(row["reward_model"], "ground_truth"),
        question_id=optional_text(extra, "question_id"),
        source=text(row, "data_source"),
        correct=right_or_wrong(extra.get("correct")),
    )


def _columns() -> pyarrow.Schema:
    import pyarrow as pa  # noqa: PLC0415 - half a second that only columns should cost

    message = pa.struct({"role": pa.string(), "content": pa.string()})
    extra = {
        "question_id": pa.string(),
        "correct": pa.bool_(),
        "steps": pa.list_(pa.string()),
        "labels": pa.list_(pa.bool_()),
        "soft_labels": pa.list_(pa.float64()),
    }
    return pa.schema(
        {
            "data_source": pa.string(),
            "prompt": pa.list_(message),
            "ability": pa.string(),
            "reward_model": pa.struct({"style": pa.string(), "ground_truth": pa.string()}),
            "extra_info": pa.struct(extra),
        }
    )


VERL = Format(
    name="verl",
    description="verl rows: question and gold answer, with the labelled solution in extra_info",
    suffixes=(".jsonl", ".json", ".parquet", FOLDER),
    to_json=_to_json,
    from_json=_from_json,
    from_solution=lambda solution: [solution],
    to_solutions=lambda rows: rows,
    columns=_columns,
)
