"""The format `grounded-tree`: search trees of GroundedPRM, `mcts_tree/<id>.json`, one for each question.

`{"id", "value", "visits", "state", "reflection", "terminate_node", "children": [...], "simulation_branch": [...]}`. The
simulated branch is a chain of steps below the node. In a folder the file's name is the question's id; in one file of
rows it stands in `question_id`. A tree is kept whole, so it is written as it was read.

As labelled solutions: each path from the root to a leaf. A step's label is the judge's verdict; where its value says
something else, or nobody judged it, it has none. The question is the one that the policy saw, conditions and objective.
Made of a run, the value is 2 V - 1 with V in `estimate`; this, `estimator`, `hard_label`, `n_rollouts`, `n_correct` and
`ground_truth` are this package's.
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
from omega_fast.store.formats.labelled import LabelledSolution

__all__ = ["GROUNDED_TREE", "GroundedTree", "leaf_paths"]


@dataclass(frozen=True, slots=True)
class GroundedTree:
    """A question's id, and the root of its tree as it was read."""

    question_id: str | None
    root: Mapping[str, Any]


def _rows_of(artifacts: Artifacts, _: ExportOptions) -> Iterator[GroundedTree]:
    ends = full_texts(artifacts)
    records: dict[int, dict[str, Any]] = {}
    for node in artifacts.nodes:
        record = node_record(artifacts, node, ends) | {"children": [], "simulation_branch": []}
        records[node.id] = record
        if node.parent is not None:
            records[node.parent]["children"].append(record)
    yield GroundedTree(artifacts.question.id, records[artifacts.nodes[0].id])


def _to_json(row: GroundedTree, _: ExportOptions) -> dict[str, Any]:
    return {"question_id": row.question_id, **row.root}


def _from_json(row: Row) -> GroundedTree:
    name = optional_text(row, "question_id")
    listed(row, "children")
    root = {key: value for key, value in row.items() if key != "question_id"}
    if steps_to(root):
        raise ValueError("the root has steps")
    for _ in _solutions(GroundedTree(name, root)):
        pass
    return GroundedTree(name, root)


def _to_solutions(rows: Sequence[GroundedTree]) -> Iterator[LabelledSolution]:
    for row in rows:
        yield from _solutions(row)


def leaf_paths(root: Row) -> Iterator[tuple[Row, ...]]:
    """The nodes of each path from the root, which is left out, to a leaf; a simulated branch is one of its own."""
    return _below(root, ())


def _solutions(row: GroundedTree) -> Iterator[LabelledSolution]:
    for path in leaf_paths(row.root):
        yield solution_along(row.root, path, row.question_id)


def _below(node: Row, path: tuple[Row, ...]) -> Iterator[tuple[Row, ...]]:
    """Each path to a leaf at or below a node, for one that `path` leads to."""
    children, simulated = listed(node, "children"), list(node.get("simulation_branch") or ())
    if not children and not simulated and path:
        yield path
    for child in children:
        yield from _below(child, (*path, child))
    branch = path
    for number, step in enumerate(simulated):
        branch = (*branch, step)
        goes_on = number + 1 < len(simulated)
        if not goes_on or step.get("children") or step.get("simulation_branch"):
            yield from _below({"children": (), **step}, branch)


GROUNDED_TREE = Format(
    name="grounded-tree",
    description="GroundedPRM: the search tree of a question, with the verdicts on its steps",
    suffixes=(".jsonl", ".json", FOLDER),
    to_json=_to_json,
    from_json=_from_json,
    rows_of=_rows_of,
    to_solutions=_to_solutions,
    file_each=True,
)
