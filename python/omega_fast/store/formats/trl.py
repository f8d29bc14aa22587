"""The format `trl`: stepwise supervision as TRL reads it, one row for each fully labelled solution.

`{"prompt", "completions": [step, ...], "labels": [bool, ...]}`, and `soft_labels` in a column of its
own, because TRL turns the labels into integers. The steps carry their own separators, so their
concatenation is the solution.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from omega_fast.records import Verdict
from omega_fast.store.artifacts import Artifacts, Node
from omega_fast.store.formats.base import ExportOptions, Format
from omega_fast.store.formats.files import Row
from omega_fast.store.formats.samples import soft_label

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
    """

    prompt: str
    completions: tuple[str, ...]
    labels: tuple[bool, ...]
    soft_labels: tuple[float | None, ...]


def _project(artifacts: Artifacts, _: ExportOptions) -> Iterator[StepwiseRow]:
    """Each located solution up to its first error, then each right rollout whose steps are all right."""
    errors = [search.error_node for search in artifacts.searches if search.error_node is not None]
    for error in dict.fromkeys(errors):
        path = artifacts.path(error)
        yield _row(artifacts, path, [True] * (len(path) - 1) + [False])
    by_prefix = {artifacts.prefix(node.id): node.id for node in artifacts.nodes}
    right = [rollout for rollout in artifacts.rollouts if rollout.verdict == Verdict.CORRECT]
    ends = [by_prefix.get(artifacts.prefix(rollout.node) + rollout.text) for rollout in right]
    for end in dict.fromkeys(ends):
        if end is None:
            continue
        path = artifacts.path(end)
        if path and all(node.hard is True for node in path):
            yield _row(artifacts, path, [True] * len(path))


def _row(artifacts: Artifacts, path: list[Node], labels: list[bool]) -> StepwiseRow:
    return StepwiseRow(
        prompt=artifacts.question.problem,
        completions=tuple(node.step for node in path),
        labels=tuple(labels),
        soft_labels=tuple(soft_label(node)[0] for node in path),
    )


def _to_json(row: StepwiseRow, _: ExportOptions) -> dict[str, Any]:
    return {
        "prompt": row.prompt,
        "completions": list(row.completions),
        "labels": list(row.labels),
        "soft_labels": list(row.soft_labels),
    }


def _from_json(row: Row) -> StepwiseRow:
    labels = tuple(bool(label) for label in row["labels"])
    soft = row.get("soft_labels")
    read = StepwiseRow(
        prompt=row["prompt"],
        completions=tuple(row["completions"]),
        labels=labels,
        soft_labels=(None,) * len(labels) if soft is None else tuple(soft),
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
        }
    )


TRL = Format(
    name="trl",
    description="TRL stepwise supervision: one row for each fully labelled solution",
    suffixes=(".jsonl", ".json", ".parquet"),
    project=_project,
    to_json=_to_json,
    from_json=_from_json,
    columns=_columns,
)
