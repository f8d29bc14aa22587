r"""The format `grounded-paths`: paths taken from GroundedPRM's trees, `syn_data.json`, one list of rows.

`{"idx", "question", "ground_truth", "steps": [{"content", "step score", "reflection", "correction"}], "label":
"positive"}`. A first step without content is the root, as the extraction leaves it in. A row is kept whole.

As a labelled solution: a step's label is the judge's verdict where it agrees with the sign of the score. Made of a
solution: the score is 1 or -1, `reflection` and `correction` are left out where nobody judged and no tool was asked; a
step without a `reflection` is read by its score. Lost: soft labels, the source.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from omega_fast.store.formats.base import ExportOptions, Format
from omega_fast.store.formats.fields import listed, optional_text, text
from omega_fast.store.formats.files import Row
from omega_fast.store.formats.grounded import check_of, checked_label, score
from omega_fast.store.formats.labelled import LabelledSolution, keeping, labelled, wholly_labelled

__all__ = ["GROUNDED_PATHS", "GroundedPath"]

_OUTCOMES = {"positive": True, "negative": False}


@dataclass(frozen=True, slots=True)
class GroundedPath:
    """A row: the solution in it, and all of it."""

    solution: LabelledSolution
    record: Mapping[str, Any]


def _from_json(row: Row) -> GroundedPath:
    steps = listed(row, "steps")
    if steps and not text(steps[0], "content").strip():
        steps = steps[1:]
    said = row.get("label")
    if said is not None and said not in _OUTCOMES:
        raise ValueError(f"{said!r} is neither positive nor negative")
    solution = labelled(
        text(row, "question"),
        [text(step, "content") for step in steps],
        [_label(step) for step in steps],
        answer=optional_text(row, "ground_truth"),
        question_id=optional_text(row, "idx"),
        correct=None if said is None else _OUTCOMES[said],
        checks=[check_of(step.get("correction"), optional_text(step, "reflection")) for step in steps],
    )
    return GroundedPath(solution, row)


def _label(step: Row) -> bool | None:
    value, reflection = score(step, "step score"), optional_text(step, "reflection")
    if reflection is not None:
        return checked_label(value, reflection)
    return None if value == 0 else value > 0


def _from_solution(solution: LabelledSolution) -> Iterator[GroundedPath]:
    kept = wholly_labelled(keeping(solution, "answer", "question_id", "correct", "checks"))
    if not kept.steps[0].strip():
        raise ValueError("its first step is blank, as a root is")
    steps = []
    for number, (content, right) in enumerate(zip(kept.steps, kept.hard, strict=True)):
        step: dict[str, Any] = {"content": content, "step score": 1 if right else -1}
        check = kept.checks[number] if kept.checks else None
        if check is not None and check.reason is not None:
            step["reflection"] = f"[{right}]{check.reason}"
        if check is not None and check.tool is not None:
            step["correction"] = check.tool
        steps.append(step)
    record = {
        "idx": kept.question_id,
        "question": kept.question,
        "ground_truth": kept.answer,
        "steps": steps,
        "label": None if kept.correct is None else "positive" if kept.correct else "negative",
    }
    yield _from_json(record)


def _to_json(row: GroundedPath, _: ExportOptions) -> dict[str, Any]:
    return dict(row.record)


def _to_solutions(rows: Sequence[GroundedPath]) -> Iterator[LabelledSolution]:
    return (row.solution for row in rows)


GROUNDED_PATHS = Format(
    name="grounded-paths",
    description="GroundedPRM: a path of a search tree, each step with score, verdict and tool's answer",
    suffixes=(".json", ".jsonl"),
    to_json=_to_json,
    from_json=_from_json,
    from_solution=_from_solution,
    to_solutions=_to_solutions,
)
