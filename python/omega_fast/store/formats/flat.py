r"""The openr format `flat`: one row for each question, with every prefix of its solutions that has a value.

`{"question", "final_answer", "question_id", "reasoning_steps": [{"solution_prefix", "mc_value", "mc_value_from"}]}`,
`mc_value_from` being this package's. In the samples openr released a prefix is one text: the question alone at the
root, elsewhere the question, a blank line and the solution so far. Its README shows the pair `[question, solution so
far]`. Both are read, either is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from omega_fast.store.artifacts import Artifacts
from omega_fast.store.formats.base import ExportOptions, Format, PrefixAs
from omega_fast.store.formats.fields import optional_text, share, text
from omega_fast.store.formats.files import Row
from omega_fast.store.formats.labelled import LabelledPrefix, LabelledSolution, along, paths
from omega_fast.store.formats.soft import ValueFrom, state_value, value_from

__all__ = ["FLAT", "FlatQuestion", "FlatStep", "join_question", "split_question"]

_BETWEEN = "\n\n"


@dataclass(frozen=True, slots=True)
class FlatStep:
    """A solution prefix, without the question, its value, and what this is; openr's own rows do not say."""

    prefix: str
    mc_value: float
    mc_value_from: ValueFrom | None = None


@dataclass(frozen=True, slots=True)
class FlatQuestion:
    """A question with the estimated prefixes of its solutions. openr numbers its questions."""

    question: str
    final_answer: str | None
    question_id: str | int
    steps: tuple[FlatStep, ...]


def join_question(question: str, prefix: str) -> str:
    """Question and solution prefix as the one text that openr writes."""
    return question + _BETWEEN + prefix if prefix else question


def split_question(question: str, text: str) -> str:
    """The solution prefix in such a text. Raises `ValueError` if it does not begin with the question."""
    if text == question:
        return ""
    if not text.startswith(question + _BETWEEN):
        raise ValueError("a prefix does not begin with the question and a blank line")
    return text[len(question) + len(_BETWEEN) :]


def _project(artifacts: Artifacts, _: ExportOptions) -> Iterator[FlatQuestion]:
    question = artifacts.question
    valued = ((node, state_value(node)) for node in artifacts.nodes)
    steps = [
        FlatStep(artifacts.prefix(node.id), known.value, known.source)
        for node, known in valued
        if known is not None
    ]
    yield FlatQuestion(question.problem, question.answer, question.id, tuple(steps))


def _to_json(row: FlatQuestion, options: ExportOptions) -> dict[str, Any]:
    return {
        "question": row.question,
        "final_answer": row.final_answer,
        "reasoning_steps": [
            {
                "solution_prefix": _shown(row.question, step.prefix, options.prefix_as),
                "mc_value": step.mc_value,
                **({} if step.mc_value_from is None else {"mc_value_from": step.mc_value_from}),
            }
            for step in row.steps
        ],
        "question_id": row.question_id,
    }


def _from_json(row: Row) -> FlatQuestion:
    steps = row["reasoning_steps"]
    if not isinstance(steps, list):
        raise TypeError("its reasoning_steps are a tree")
    question = text(row, "question")
    return FlatQuestion(
        question=question,
        final_answer=optional_text(row, "final_answer"),
        question_id=row["question_id"],
        steps=tuple(
            FlatStep(
                _prefix(question, step["solution_prefix"]),
                _mc(step["mc_value"]),
                value_from(step.get("mc_value_from")),
            )
            for step in steps
        ),
    )


def _mc(value: object) -> float:
    mc = share(value)
    if mc is None:
        raise ValueError("a prefix has no mc_value")
    return mc


def _to_solutions(rows: Sequence[FlatQuestion]) -> Iterator[LabelledSolution]:
    for row in rows:
        prefixes = (LabelledPrefix(step.prefix, None, step.mc_value) for step in row.steps)
        for chain in paths(prefixes):
            yield along(chain, row.question, answer=row.final_answer, question_id=str(row.question_id))


def _shown(question: str, prefix: str, prefix_as: PrefixAs) -> str | list[str]:
    return join_question(question, prefix) if prefix_as == "text" else [question, prefix]


def _prefix(question: str, shown: str | list[str]) -> str:
    if isinstance(shown, str):
        return split_question(question, shown)
    first, prefix = shown
    if first != question:
        raise ValueError("a prefix belongs to another question")
    return prefix


FLAT = Format(
    name="flat",
    description="openr: one row for each question, with all estimated prefixes in a list",
    suffixes=(".jsonl", ".json"),
    rows_of=_project,
    to_json=_to_json,
    from_json=_from_json,
    to_solutions=_to_solutions,
)
