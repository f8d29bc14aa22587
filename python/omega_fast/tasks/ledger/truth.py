"""Ground truth: the first wrong step of a ledger solution, the right next steps, all right solutions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

from omega_fast.records import Question
from omega_fast.tasks.ledger.program import dependencies, needed_statements
from omega_fast.tasks.ledger.text import parse
from omega_fast.tasks.ledger.working import Working

__all__ = [
    "count_right_solutions",
    "first_error",
    "gold_answer",
    "prefix_is_right",
    "right_next_steps",
    "right_solutions",
    "truth",
]


def first_error(problem_text: str, steps: Sequence[str]) -> int:
    """The 0-based index of the first wrong step; -1 if all is right, `len(steps)` if it stops early.

    A step is right if it is, byte for byte, the line of a statement that is ready, worked from right values,
    or the right answer once every needed statement is done; nothing may follow the answer. One newline at a
    step's end makes no difference.

    Raises:
        InputError: `problem_text` is not a ledger problem.
    """
    page = Working(parse(problem_text))
    for index, step in enumerate(steps):
        line = step.removesuffix("\n") + "\n"
        if not page.todo:
            if line != page.write_answer():
                return index
            return -1 if index + 1 == len(steps) else index + 1
        following = _after(page, line)
        if following is None:
            return index
        page = following
    return len(steps)


def truth(question: Question, steps: Sequence[str]) -> int:
    """`first_error` of `steps` as a solution of `question`."""
    return first_error(question.problem, steps)


def prefix_is_right(problem_text: str, steps: Sequence[str]) -> bool:
    """Whether no step is wrong so far; the empty prefix is right. Raises as `first_error` does."""
    return first_error(problem_text, steps) in {-1, len(steps)}


def right_next_steps(problem_text: str, steps: Sequence[str]) -> list[str]:
    """The right next lines, each ended by a newline; empty after a wrong step and after the answer.

    Raises:
        InputError: `problem_text` is not a ledger problem.
    """
    if first_error(problem_text, steps) != len(steps):
        return []
    page = Working(parse(problem_text))
    for step in steps:
        following = _after(page, step.removesuffix("\n") + "\n")
        assert following is not None, "the prefix is right"
        page = following
    return [line for line, _ in _successors(page)] if page.todo else [page.write_answer()]


def right_solutions(problem_text: str) -> Iterator[tuple[str, ...]]:
    """All wholly right solutions as tuples of lines, each line ended by a newline; no solution comes twice.

    Raises:
        InputError: `problem_text` is not a ledger problem.
    """
    yield from _completions(Working(parse(problem_text)))


def count_right_solutions(problem_text: str) -> int:
    """The number of `right_solutions`, not listed but counted: linear extensions of the statements' order.

    Raises:
        InputError: `problem_text` is not a ledger problem.
    """
    before = dependencies(needed_statements(parse(problem_text)))

    @cache
    def extensions(todo: frozenset[int]) -> int:
        return sum(extensions(todo - {i}) for i in todo if not before[i] & todo) if todo else 1

    return extensions(frozenset(range(len(before))))


def gold_answer(problem_text: str) -> str:
    """The right answer: the values that matter, joined by blanks. Raises as `first_error` does."""
    page = Working(parse(problem_text))
    for position in sorted(page.todo):
        page.write(position)
    return page.answer()


def _successors(page: Working) -> Iterator[tuple[str, Working]]:
    for position in page.ready():
        following = page.copy()
        yield following.write(position), following


def _after(page: Working, line: str) -> Working | None:
    return next((following for right, following in _successors(page) if right == line), None)


def _completions(page: Working) -> Iterator[tuple[str, ...]]:
    if not page.todo:
        yield (page.write_answer(),)
    for line, following in _successors(page):
        for rest in _completions(following):
            yield (line, *rest)
