r"""The questions of GroundedPRM's `root.json`, which its trees and samples leave out.

`[{"question", "global_objective", "conditions", "path": "algebra_1.json", "level", "solution": "... \boxed{4}"}]`; the
tree of a question is named after its `path`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from omega_fast.errors import InputError
from omega_fast.store.formats import LabelledSolution, Place, RowFault
from omega_fast.store.formats.fields import text
from omega_fast.store.formats.files import OnFault, read_rows
from omega_fast.verifiers.extract import extract_answer

__all__ = ["Root", "read_roots", "with_roots"]


@dataclass(frozen=True, slots=True)
class Root:
    """A question's text and its gold answer."""

    question: str
    answer: str | None


def read_roots(path: Path) -> Mapping[str, Root]:
    """The questions of a file by their id; all are held in memory.

    Raises:
        InputError: At a row that is none, or if there is no row.
        StoreError: If the file cannot be read.
    """
    roots: dict[str, Root] = {}
    for place, row in read_rows(path):
        try:
            name = text(row, "path").removesuffix(".json")
            roots[name] = Root(text(row, "question"), extract_answer(text(row, "solution")))
        except (KeyError, TypeError) as error:
            raise InputError(
                f"{place} is no question of GroundedPRM: {error!r}",
                hint="it has path, question and solution",
            ) from error
    if not roots:
        raise InputError(f"{path} has no questions", hint="give the root.json that the trees were made from")
    return roots


def with_roots(
    found: Iterable[tuple[Place, LabelledSolution]], roots: Mapping[str, Root], on_fault: OnFault
) -> Iterator[tuple[Place, LabelledSolution]]:
    """The solutions with question and gold answer of the root with their id; others go to `on_fault`."""
    for place, solution in found:
        root = roots.get(solution.question_id or "")
        if root is None:
            reason = f"is of no question in the roots: its id is {solution.question_id!r}"
            on_fault(RowFault(place, reason, {"steps": list(solution.steps)}))
        else:
            yield place, replace(solution, question=root.question, answer=root.answer)
