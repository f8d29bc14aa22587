"""The format `grounded-samples`: right and wrong paths of GroundedPRM, `training_samples/<id>.json`, for each question.

`{"positive": [{"path": [node, ...], "branch": "real"}], "negative": [...]}`: nodes as in `grounded-tree` without what
is below them, root first. Whether a path is positive is the final answer's doing. Rows are kept whole.

Made of a run: the located solutions up to their first error, and the right ones, as every format of solutions has them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from omega_fast.store.artifacts import Artifacts
from omega_fast.store.formats.base import ExportOptions, Format
from omega_fast.store.formats.fields import listed, optional_text
from omega_fast.store.formats.files import FOLDER, Row
from omega_fast.store.formats.grounded import full_texts, node_record, solution_along, steps_to
from omega_fast.store.formats.labelled import LabelledSolution, solution_paths

__all__ = ["GROUNDED_SAMPLES", "GroundedSamples"]

_SIGNS = {"positive": True, "negative": False}


@dataclass(frozen=True, slots=True)
class GroundedSamples:
    """A question's id, and its `positive` and `negative` paths as they were read."""

    question_id: str | None
    record: Mapping[str, Any]


def _rows_of(artifacts: Artifacts, _: ExportOptions) -> Iterator[GroundedSamples]:
    ends = full_texts(artifacts)
    record: dict[str, Any] = {name: [] for name in _SIGNS}
    for path, right, _source in solution_paths(artifacts):
        nodes = [node_record(artifacts, node, ends) for node in (artifacts.nodes[0], *path)]
        record["positive" if right else "negative"].append({"path": nodes, "branch": "real"})
    if any(record.values()):
        yield GroundedSamples(artifacts.question.id, record)


def _to_json(row: GroundedSamples, _: ExportOptions) -> dict[str, Any]:
    return {"question_id": row.question_id, **row.record}


def _from_json(row: Row) -> GroundedSamples:
    name = optional_text(row, "question_id")
    read = GroundedSamples(name, {key: value for key, value in row.items() if key != "question_id"})
    for _ in _solutions(read):
        pass
    return read


def _to_solutions(rows: Sequence[GroundedSamples]) -> Iterator[LabelledSolution]:
    for row in rows:
        yield from _solutions(row)


def _solutions(row: GroundedSamples) -> Iterator[LabelledSolution]:
    for name, correct in _SIGNS.items():
        for sample in listed(row.record, name):
            path = listed(sample, "path")
            if not path or steps_to(path[0]):
                raise ValueError("a path does not begin with the root")
            yield solution_along(path[0], path[1:], row.question_id, correct)


GROUNDED_SAMPLES = Format(
    name="grounded-samples",
    description="GroundedPRM: the right and the wrong paths of a question's search tree",
    suffixes=(".jsonl", ".json", FOLDER),
    to_json=_to_json,
    from_json=_from_json,
    rows_of=_rows_of,
    to_solutions=_to_solutions,
    file_each=True,
)
