"""A solution with labels on its steps, whatever file it stood in: the record by which formats turn into others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from omega_fast.records import Verdict
from omega_fast.store.artifacts import Artifacts, Node
from omega_fast.store.formats.soft import soft_label

__all__ = [
    "LabelledPrefix",
    "LabelledSolution",
    "StepCheck",
    "along",
    "keeping",
    "labelled",
    "paths",
    "solution_paths",
    "solutions_of",
    "wholly_labelled",
    "with_separators",
]

Kept = Literal["soft", "answer", "question_id", "source", "correct", "checks"]
"""What a format may carry besides the question, the steps and their hard labels."""


@dataclass(frozen=True, slots=True)
class StepCheck:
    """What a step's label rests on where a tool and a judge looked at it.

    Attributes:
        tool: What the tool was asked and said; `None` if there was none.
        reason: Why the judge decided as it did; `None` if there was none.
    """

    tool: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class LabelledSolution:
    """A solution, or the beginning of one, cut into steps.

    Attributes:
        question: The problem's text.
        steps: The steps as their source cuts them, with or without their separators.
        hard: For each step, whether it is right; `None` where nothing says so.
        soft: For each step, the estimate in [0, 1] at its end; `None` where there is none.
        answer: The gold answer.
        question_id: The question's id.
        source: Who wrote the solution.
        correct: Whether its final answer is right.
        checks: For each step, how it was checked, if it was; empty if no step was.

    Raises:
        ValueError: If steps and labels, or steps and checks, differ in number.
    """

    question: str
    steps: tuple[str, ...]
    hard: tuple[bool | None, ...]
    soft: tuple[float | None, ...]
    answer: str | None = None
    question_id: str | None = None
    source: str = ""
    correct: bool | None = None
    checks: tuple[StepCheck | None, ...] = ()

    def __post_init__(self) -> None:
        if not len(self.steps) == len(self.hard) == len(self.soft):
            raise ValueError("steps and labels differ in number")
        if self.checks and len(self.checks) != len(self.steps):
            raise ValueError("steps and checks differ in number")

    @property
    def first_error(self) -> int | None:
        """The position of the first step labelled wrong, from 0; `None` if no step is."""
        return self.hard.index(False) if False in self.hard else None


def labelled(
    question: str,
    steps: Iterable[str],
    hard: Iterable[bool | None] | None = None,
    soft: Iterable[float | None] | None = None,
    *,
    answer: str | None = None,
    question_id: str | None = None,
    source: str = "",
    correct: bool | None = None,
    checks: Iterable[StepCheck | None] = (),
) -> LabelledSolution:
    """A solution in which labels not given are unknown. Raises like `LabelledSolution`."""
    cut = tuple(steps)
    unknown = (None,) * len(cut)
    return LabelledSolution(
        question,
        cut,
        unknown if hard is None else tuple(hard),
        unknown if soft is None else tuple(soft),
        answer,
        question_id,
        source,
        correct,
        noted if any(noted := tuple(checks)) else (),
    )


def keeping(solution: LabelledSolution, *kept: Kept) -> LabelledSolution:
    """The part of a solution that a format carries."""
    return labelled(
        solution.question,
        solution.steps,
        solution.hard,
        solution.soft if "soft" in kept else None,
        answer=solution.answer if "answer" in kept else None,
        question_id=solution.question_id if "question_id" in kept else None,
        source=solution.source if "source" in kept else "",
        correct=solution.correct if "correct" in kept else None,
        checks=solution.checks if "checks" in kept else (),
    )


def wholly_labelled(solution: LabelledSolution) -> LabelledSolution:
    """The solution without its last steps, as far as these have no hard label.

    Raises:
        ValueError: If no step has one, or a step without one stands before a step with one.
    """
    end = solution.hard.index(None) if None in solution.hard else len(solution.hard)
    if end == 0:
        raise ValueError("its first step has no hard label" if solution.steps else "it has no steps")
    if any(label is not None for label in solution.hard[end:]):
        raise ValueError(f"step {end + 1} has no hard label, but a later one has")
    return replace(
        solution,
        steps=solution.steps[:end],
        hard=solution.hard[:end],
        soft=solution.soft[:end],
        checks=solution.checks[:end],
    )


def with_separators(steps: tuple[str, ...], separator: str = "\n\n") -> tuple[str, ...]:
    r"""Steps whose concatenation reads as the solution.

    Where no step begins or ends in white space at a cut, the source left the separators out: each step but
    the last then gets one. Otherwise the steps carry their own and stay as they are.

    >>> with_separators(("a", "b")), with_separators(("a\n", "b", "c"))
    (('a\n\n', 'b'), ('a\n', 'b', 'c'))
    """
    if any(left[-1:].isspace() or right[:1].isspace() for left, right in pairwise(steps)):
        return steps
    return tuple(step + separator for step in steps[:-1]) + steps[-1:]


def solutions_of(artifacts: Artifacts) -> Iterator[LabelledSolution]:
    """Each located solution up to its first error, then each right rollout whose steps are all right."""
    for path, right, source in solution_paths(artifacts):
        yield _solution(artifacts, path, [True] * (len(path) - 1) + [right], source)


def solution_paths(artifacts: Artifacts) -> Iterator[tuple[list[Node], bool, str]]:
    """The nodes of these solutions, root left out, whether the last step is right, and who wrote it."""
    sources = {rollout.id: rollout.source for rollout in artifacts.rollouts}
    errors: dict[int, str] = {}
    for search in artifacts.searches:
        if search.error_node is not None:
            errors.setdefault(search.error_node, sources.get(search.rollout, ""))
    for error, source in errors.items():
        yield artifacts.path(error), False, source
    by_prefix = {artifacts.prefix(node.id): node.id for node in artifacts.nodes}
    seen: set[int] = set()
    for rollout in artifacts.rollouts:
        end = by_prefix.get(artifacts.prefix(rollout.node) + rollout.text)
        if rollout.verdict != Verdict.CORRECT or end is None or end in seen:
            continue
        seen.add(end)
        path = artifacts.path(end)
        if path and all(node.hard is True for node in path):
            yield path, True, rollout.source


@dataclass(frozen=True, slots=True)
class LabelledPrefix:
    """The text of a solution so far, with the labels of its end."""

    text: str
    hard: bool | None
    soft: float | None


def paths(prefixes: Iterable[LabelledPrefix]) -> Iterator[tuple[LabelledPrefix, ...]]:
    """Each longest chain of prefixes that go on from one another, shortest first; the empty prefix is left out.

    >>> a, ab, ac = (LabelledPrefix(text, None, None) for text in ("a", "ab", "ac"))
    >>> [[prefix.text for prefix in chain] for chain in paths([ac, ab, a])]
    [['a', 'ab'], ['a', 'ac']]
    """
    chain: list[LabelledPrefix] = []
    for prefix in sorted(
        {each.text: each for each in prefixes if each.text}.values(), key=lambda it: it.text
    ):
        if chain and not prefix.text.startswith(chain[-1].text):
            yield tuple(chain)
            while chain and not prefix.text.startswith(chain[-1].text):
                chain.pop()
        chain.append(prefix)
    if chain:
        yield tuple(chain)


def along(
    chain: Sequence[LabelledPrefix],
    question: str,
    *,
    answer: str | None = None,
    question_id: str | None = None,
) -> LabelledSolution:
    """The solution whose prefixes these are: each step is what a prefix adds to the one before it."""
    before = ("", *(prefix.text for prefix in chain))
    return labelled(
        question,
        (prefix.text[len(shorter) :] for prefix, shorter in zip(chain, before, strict=False)),
        (prefix.hard for prefix in chain),
        (prefix.soft for prefix in chain),
        answer=answer,
        question_id=question_id,
    )


def _solution(artifacts: Artifacts, path: list[Node], hard: list[bool], source: str) -> LabelledSolution:
    return labelled(
        artifacts.question.problem,
        (node.step for node in path),
        hard,
        (_soft(node) for node in path),
        answer=artifacts.question.answer,
        question_id=artifacts.question.id,
        source=source,
        correct=all(hard),
    )


def _soft(node: Node) -> float | None:
    soft = soft_label(node)
    return None if soft is None else soft.label
