r"""The format `math-shepherd`: one text for a question and its solution, once with markers and once with labels.

`{"input": "Q Step 1: a ки\nStep 2: b ки", "label": "Q Step 1: a +\nStep 2: b -", "task": "GSM8K"}`, as released
with Math-Shepherd (arXiv 2312.08935). The two texts differ at the ends of steps and nowhere else, which is how these
are found, whatever the steps hold. `task` is kept as the source. Lost: soft labels, the gold answer, ids.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from omega_fast.store.formats.base import ExportOptions, Format
from omega_fast.store.formats.fields import optional_text, text
from omega_fast.store.formats.files import FOLDER, Row
from omega_fast.store.formats.labelled import LabelledSolution, keeping, labelled, wholly_labelled
from omega_fast.store.formats.numbered import numbered, split_first, without_number

if TYPE_CHECKING:
    import pyarrow

__all__ = ["MARKER", "MATH_SHEPHERD", "steps_of"]

MARKER = "ки"
"""What stands at the end of each step."""


def _from_solution(solution: LabelledSolution) -> list[LabelledSolution]:
    kept = wholly_labelled(keeping(solution, "source"))
    numbered(kept.question, kept.steps)
    return [kept]


def _to_json(row: LabelledSolution, _: ExportOptions) -> dict[str, Any]:
    shown = numbered(row.question, row.steps)
    signs = ["+" if right else "-" for right in row.hard]
    return {
        "input": "\n".join(f"{step} {MARKER}" for step in shown),
        "label": "\n".join(f"{step} {sign}" for step, sign in zip(shown, signs, strict=True)),
        "task": row.source,
    }


def _from_json(row: Row) -> LabelledSolution:
    pieces: list[str] = []
    hard: list[bool] = []
    for piece, sign in _cut(text(row, "input"), text(row, "label")):
        pieces.append(piece)
        hard.append(sign == "+")
    question, steps = steps_of(pieces)
    return labelled(question, steps, hard, source=optional_text(row, "task") or "")


def steps_of(pieces: list[str]) -> tuple[str, list[str]]:
    """Question and steps in the pieces between the markers. Raises `ValueError` if there is no first step."""
    if not pieces:
        raise ValueError("there is no step")
    question, first = split_first(pieces[0].removesuffix(" "))
    return question, [first, *(without_number(piece.removesuffix(" ")) for piece in pieces[1:])]


def _cut(shown: str, label: str) -> Iterator[tuple[str, str]]:
    """The pieces of two texts that are equal but for a marker in one and a sign in the other."""
    start = at = there = 0
    while (end := shown.find(MARKER, at)) >= 0:
        length = end - at
        if shown[at:end] != label[there : there + length]:
            raise ValueError("input and label differ where there is no marker")
        sign = label[there + length : there + length + 1]
        at, there = end + len(MARKER), there + length + 1
        if sign in {"+", "-"}:
            yield shown[start:end], sign
            start = at
        else:
            there += len(MARKER) - 1  # the same word in both is a word of the step
            if label[there - len(MARKER) : there] != MARKER:
                raise ValueError(f"a marker has the label {sign!r}")
    if shown[at:] != label[there:]:
        raise ValueError("input and label do not end alike")
    if shown[start:].strip():
        raise ValueError("there is text behind the last marker")


def _columns() -> pyarrow.Schema:
    import pyarrow as pa  # noqa: PLC0415 - half a second that only columns should cost

    return pa.schema([(name, pa.string()) for name in ("input", "label", "task")])


MATH_SHEPHERD = Format(
    name="math-shepherd",
    description="Math-Shepherd: question and steps as one text, with a sign at the end of each step",
    suffixes=(".jsonl", ".json", ".parquet", ".csv", FOLDER),
    to_json=_to_json,
    from_json=_from_json,
    from_solution=_from_solution,
    to_solutions=lambda rows: rows,
    columns=_columns,
)
