"""Rows of the embedded task in the formats of ProcessBench, PRMBench and N-sample files, every label exact.

A solution's label is the first wrong step that the task's own truth finds. Of a planted error the wrong step is the one
it was planted at: the lines behind it are worked rightly from what it wrote.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from omega_fast.errors import InputError
from omega_fast.records import Question
from omega_fast.tasks.ledger import (
    CLEAN,
    Corruption,
    CorruptionKind,
    LedgerConfig,
    Skin,
    Split,
    corrupt,
    demonstrate,
    first_error,
    parse,
    questions,
)
from omega_fast.tasks.ledger.draws import stream

__all__ = [
    "LENGTHS",
    "corrupted_rows",
    "of_length",
    "prmbench_rows",
    "processbench_rows",
    "sampled_row",
    "subset_questions",
]

LENGTHS = (2, 3, 4, 5, 6, 7, 8)
"""Numbers of operations; the embedded policy has been trained on the first five."""

Row = dict[str, Any]

_REASONS = {
    CorruptionKind.OPERAND: "computes with another number than the statement says",
    CorruptionKind.OPERATOR: "computes with another operator than the statement says",
    CorruptionKind.RESULT: "writes a wrong result",
    CorruptionKind.ORDER: "carries out a statement before one that it depends on",
    CorruptionKind.EARLY_STOP: "answers before all statements are carried out",
}


def subset_questions(split: Split, n: int, seed: int, skin: Skin = "plain") -> list[Question]:
    """The first n different problems of a split, of all its lengths. Raises `ConfigError` if there are fewer."""
    return list(questions(LedgerConfig(skin=skin), n, seed, split))


def of_length(operations: int, n: int, seed: int, skin: Skin = "plain") -> list[Question]:
    """The first n different problems of the test split with this many operations. Raises as `subset_questions` does."""
    return list(questions(LedgerConfig(operations=(operations, operations), skin=skin), n, seed, "test"))


def processbench_rows(
    subset: str, rows: int, asked: Sequence[Question], drawn: Sequence[Sequence[Sequence[str]]], seed: int
) -> Iterator[Row]:
    """The rows of a subset: half of them right, a quarter wrong ones of the policy, a quarter planted errors.

    Of each question at most one right and one wrong sample is taken. Solutions that stop before an answer have no first
    wrong step, and are left out. Where the policy is right too rarely, right solutions in a drawn order, of the
    generator `reference`, fill up; where there are too few of another kind there are fewer rows.

    Args:
        subset: What the ids begin with.
        rows: How many rows at most.
        asked: Questions.
        drawn: For each the policy's solutions, as lines.
        seed: Draws planted errors.
    """
    right: list[Row] = []
    wrong: list[Row] = []
    for question, solutions in zip(asked, drawn, strict=True):
        labels = [first_error(question.problem, lines) for lines in solutions]
        kept = [at for at, label in enumerate(labels) if label < len(solutions[at])]
        for into, at in (
            (right, next((at for at in kept if labels[at] < 0), None)),
            (wrong, next((at for at in kept if labels[at] >= 0), None)),
        ):
            if at is not None:
                into.append(_located(question, "policy", solutions[at], labels[at]))
    n_wrong, n_right = rows // 4, rows // 2
    planted = list(corrupted_rows(asked, rows - n_wrong - n_right, seed))
    solved = {row["problem"] for row in right}
    right += [_reference(each, seed) for each in asked if each.problem not in solved]
    chosen = [*right[:n_right], *wrong[:n_wrong], *planted]
    yield from ({"id": f"{subset}-{number}", **row} for number, row in enumerate(chosen))


def corrupted_rows(asked: Sequence[Question], n: int, seed: int) -> Iterator[Row]:
    """At most n rows with an error planted, its kinds in turn; a question is used once, if it has a place for one."""
    made = 0
    for number, question in enumerate(asked):
        kind = list(CorruptionKind)[made % len(CorruptionKind)]
        planted = _planted(question, kind, seed + number)
        if made < n and planted is not None:
            made += 1
            yield _located(question, kind.value, planted[1].steps, planted[1].index)


def prmbench_rows(asked: Iterable[Question], seed: int) -> Iterator[Row]:
    """For each question a right solution beside the same with an error, once for each kind that has a place in it."""
    for number, question in enumerate(asked):
        for kind in CorruptionKind:
            planted = _planted(question, kind, seed + number)
            if planted is not None:
                right, wrong = planted
                yield {
                    "idx": f"{kind.value}_{question.id}",
                    "question": question.problem,
                    "original_question": question.problem,
                    "modified_question": question.problem,
                    "original_process": _plain(right),
                    "modified_process": _plain(wrong.steps),
                    "modified_steps": [wrong.index + 1],
                    "error_steps": [wrong.index + 1],
                    "reason": f"step {wrong.index + 1} {_REASONS[kind]}",
                    "classification": kind.value,
                    "operations": question.meta["operations"],
                }


def sampled_row(question: Question, solutions: Sequence[Sequence[str]]) -> Row:
    """A question with the policy's solutions, each with whether its answer is right and where its first error is."""
    return {
        "id": question.id,
        "problem": question.problem,
        "answer": question.answer,
        "operations": question.meta["operations"],
        "responses": [
            {
                "text": "".join(lines),
                "correct": _answers(question, lines),
                "first_error": first_error(question.problem, lines),
            }
            for lines in solutions
        ],
    }


def _planted(question: Question, kind: CorruptionKind, seed: int) -> tuple[Sequence[str], Corruption] | None:
    """A right solution, its order drawn, and the same with an error; `None` if there is no place for one."""
    problem = parse(question.problem)
    right = demonstrate(problem, CLEAN, stream("sets", question.id, kind, seed))
    try:
        return right, corrupt(problem, right, kind, seed)
    except InputError:
        return None


def _reference(question: Question, seed: int) -> Row:
    lines = demonstrate(parse(question.problem), CLEAN, stream("reference", question.id, seed))
    return _located(question, "reference", lines, -1)


def _located(question: Question, generator: str, lines: Sequence[str], label: int) -> Row:
    return {
        "generator": generator,
        "problem": question.problem,
        "steps": _plain(lines),
        "final_answer_correct": _answers(question, lines),
        "label": label,
    }


def _answers(question: Question, lines: Sequence[str]) -> bool:
    return bool(lines) and lines[-1].removesuffix("\n") == f"answer {question.answer}"


def _plain(lines: Iterable[str]) -> list[str]:
    return [line.removesuffix("\n") for line in lines]
