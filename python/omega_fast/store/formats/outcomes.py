"""The format `ce`: whole solutions, each with whether its final answer is right.

`{"prompt", "response", "label"}`, the columns that OpenRLHF's trainers on unpaired feedback read, and what implicit
process rewards are trained on with cross-entropy (arXiv 2412.01981). One row for each rollout that was judged; where
the checker failed there is none. Lost: the steps (a row read back has one, with no label), the gold answer, ids.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from omega_fast.records import Verdict
from omega_fast.store.artifacts import Artifacts, Rollout
from omega_fast.store.formats.base import ExportOptions, Format
from omega_fast.store.formats.fields import right_or_wrong, text
from omega_fast.store.formats.files import FOLDER, Row
from omega_fast.store.formats.labelled import LabelledSolution, labelled, with_separators

if TYPE_CHECKING:
    import pyarrow

__all__ = ["CE", "Outcome", "outcome"]

_WRONG = {Verdict.WRONG, Verdict.NO_ANSWER, Verdict.TRUNCATED}
_SPELLED = {"true": True, "false": False, "1": True, "0": False}


@dataclass(frozen=True, slots=True)
class Outcome:
    """A whole solution, and whether its final answer is right."""

    prompt: str
    response: str
    label: bool


def outcome(rollout: Rollout) -> bool | None:
    """Whether a rollout is right; `None` if the checker could not say."""
    return True if rollout.verdict == Verdict.CORRECT else False if rollout.verdict in _WRONG else None


def _rows_of(artifacts: Artifacts, _: ExportOptions) -> Iterator[Outcome]:
    for rollout in artifacts.rollouts:
        label = outcome(rollout)
        if label is not None:
            yield Outcome(artifacts.question.problem, artifacts.prefix(rollout.node) + rollout.text, label)


def _from_solution(solution: LabelledSolution) -> list[Outcome]:
    if solution.correct is None:
        raise ValueError("nothing says whether its final answer is right")
    return [Outcome(solution.question, "".join(with_separators(solution.steps)), solution.correct)]


def _to_solutions(rows: Sequence[Outcome]) -> Iterator[LabelledSolution]:
    return (labelled(row.prompt, (row.response,), correct=row.label) for row in rows)


def _to_json(row: Outcome, _: ExportOptions) -> dict[str, Any]:
    return {"prompt": row.prompt, "response": row.response, "label": row.label}


def _from_json(row: Row) -> Outcome:
    said = row["label"]
    label = right_or_wrong(_SPELLED.get(said.lower()) if isinstance(said, str) else said)
    if label is None:
        raise ValueError(f"{said!r} is not a label")
    return Outcome(text(row, "prompt"), text(row, "response"), label)


def _columns() -> pyarrow.Schema:
    import pyarrow as pa  # noqa: PLC0415 - half a second that only columns should cost

    return pa.schema({"prompt": pa.string(), "response": pa.string(), "label": pa.bool_()})


CE = Format(
    name="ce",
    description="whole solutions, each with whether its final answer is right",
    suffixes=(".jsonl", ".json", ".parquet", ".csv", FOLDER),
    to_json=_to_json,
    from_json=_from_json,
    rows_of=_rows_of,
    from_solution=_from_solution,
    to_solutions=_to_solutions,
    columns=_columns,
)
