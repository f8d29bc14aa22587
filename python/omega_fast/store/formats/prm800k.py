"""The format `prm800k`: the raw records of people who rated candidates for each next step.

`{"question": {"problem", "ground_truth_answer"}, "label": {"steps": [{"completions": [{"text", "rating", "flagged"}],
"human_completion", "chosen_completion"}], "finish_reason"}, ...}`, as released with PRM800K (arXiv 2305.20050). A
record is kept whole, so it is written as it was read.

As labelled solutions: the path of the chosen candidates, and that path up to each other rated one. A neutral rating (0)
counts as right, as in the paper, and so does a step that a person wrote because no candidate would do. Made from a
solution: one candidate for each step, up to the first error. Lost: soft labels, the source, whatever follows the error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from omega_fast.store.formats.base import ExportOptions, Format
from omega_fast.store.formats.fields import listed, optional_text, text
from omega_fast.store.formats.files import Row
from omega_fast.store.formats.labelled import LabelledSolution, keeping, labelled, wholly_labelled

__all__ = ["PRM800K", "RatedQuestion", "RatedStep"]


@dataclass(frozen=True, slots=True)
class RatedStep:
    """The candidates for one step.

    Attributes:
        candidates: Text and rating of each: 1 right, 0 neutral, -1 wrong, `None` not rated.
        chosen: Which of them the solution goes on from; `None` if none.
        human: The step a person wrote instead; `None` if nobody did.
    """

    candidates: tuple[tuple[str, int | None], ...]
    chosen: int | None
    human: str | None


@dataclass(frozen=True, slots=True)
class RatedQuestion:
    """One record: what is understood of it, and all of it."""

    problem: str
    answer: str | None
    steps: tuple[RatedStep, ...]
    record: Mapping[str, Any]


def _from_json(row: Row) -> RatedQuestion:
    question = row["question"]
    return RatedQuestion(
        text(question, "problem"),
        optional_text(question, "ground_truth_answer"),
        tuple(_step(step) for step in listed(row["label"], "steps")),
        row,
    )


def _step(step: Row) -> RatedStep:
    rated = [] if step["completions"] is None else listed(step, "completions")
    candidates = tuple((text(each, "text"), each["rating"]) for each in rated)
    if any(rating not in {1, 0, -1, None} for _, rating in candidates):
        raise ValueError("a rating is none of 1, 0 and -1")
    chosen, human = step.get("chosen_completion"), step.get("human_completion")
    if chosen is not None and not (isinstance(chosen, int) and 0 <= chosen < len(candidates)):
        raise ValueError(f"there is no completion {chosen!r}")
    return RatedStep(candidates, chosen, None if human is None else text(human, "text"))


def _to_solutions(rows: Sequence[RatedQuestion]) -> Iterator[LabelledSolution]:
    for row in rows:
        yield from _solutions(row)


def _solutions(row: RatedQuestion) -> Iterator[LabelledSolution]:
    path: list[tuple[str, bool]] = []
    ended = False
    for step in row.steps:
        others = [
            (said, rating >= 0)
            for number, (said, rating) in enumerate(step.candidates)
            if rating is not None and number != step.chosen
        ]
        yield from (_solution(row, [*path, other]) for other in others)
        ended = bool(others)
        if step.chosen is not None:
            said, rating = step.candidates[step.chosen]
            path.append((said, rating is None or rating >= 0))
        elif step.human is not None:
            path.append((step.human, True))
        else:
            break
        ended = False
    if path and not ended:
        yield _solution(row, path)


def _solution(row: RatedQuestion, path: list[tuple[str, bool]]) -> LabelledSolution:
    return labelled(row.problem, (said for said, _ in path), (right for _, right in path), answer=row.answer)


def _from_solution(solution: LabelledSolution) -> list[RatedQuestion]:
    kept = wholly_labelled(keeping(solution, "answer"))
    error = kept.first_error
    end = len(kept.steps) if error is None else error + 1
    steps = [
        {
            "completions": [{"text": step, "rating": 1 if right else -1, "flagged": False}],
            "human_completion": None,
            "chosen_completion": 0 if right else None,
        }
        for step, right in zip(kept.steps[:end], kept.hard[:end], strict=True)
    ]
    record = {
        "question": {"problem": kept.question, "ground_truth_answer": kept.answer},
        "label": {"steps": steps, "finish_reason": "solution" if error is None else "found_error"},
    }
    return [_from_json(record)]


def _to_json(row: RatedQuestion, _: ExportOptions) -> dict[str, Any]:
    return dict(row.record)


PRM800K = Format(
    name="prm800k",
    description="PRM800K: people's ratings of the candidates for each next step",
    suffixes=(".jsonl", ".json"),
    to_json=_to_json,
    from_json=_from_json,
    from_solution=_from_solution,
    to_solutions=_to_solutions,
)
