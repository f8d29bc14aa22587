"""Solutions of one question grouped by their answers: which are right, and which of the wrong ones are equal."""

from __future__ import annotations

from dataclasses import dataclass, replace

from omega_fast.records import FinishReason, Question, Verdict
from omega_fast.verifiers.base import Verifier
from omega_fast.verifiers.equal import fast_equal

__all__ = ["AnswerGroups", "group_answers"]

_CHECKER_FAILED = frozenset({Verdict.TIMEOUT, Verdict.CRASH, Verdict.UNSUPPORTED})


@dataclass(frozen=True, slots=True)
class AnswerGroups:
    """The answers of a question's solutions.

    Attributes:
        groups: For each solution the number of its answer's group; `None` if it gives none. Right answers are group 0.
        correct: For each solution, whether its answer is right.
        unjudged: Solutions the checker could not judge; they count as wrong.
    """

    groups: tuple[int | None, ...]
    correct: tuple[bool, ...]
    unjudged: int


def group_answers(question: Question, verifier: Verifier) -> AnswerGroups:
    """Group the answers of `question.solutions`.

    With a gold answer the verifier judges each; without one, each solution's own flag counts. Wrong answers are
    equal if `fast_equal` says so of a group's first one, or the verifier does where only algebra can tell. Equal
    texts are judged once.
    """
    verdicts: dict[str, tuple[Verdict, str | None]] = {}
    firsts: list[str] = []
    groups: list[int | None] = []
    correct: list[bool] = []
    unjudged = 0
    for solution in question.solutions:
        if solution.text not in verdicts:
            judgement = verifier.judge(question, solution.text, FinishReason.STOP)
            verdicts[solution.text] = judgement.verdict, judgement.answer
        verdict, answer = verdicts[solution.text]
        if question.answer is None and solution.correct is not None:
            right = solution.correct
        else:
            right = verdict is Verdict.CORRECT
            unjudged += verdict in _CHECKER_FAILED
        correct.append(right)
        groups.append(0 if right else None if answer is None else _group(answer, firsts, question, verifier))
    return AnswerGroups(tuple(groups), tuple(correct), unjudged)


def _group(answer: str, firsts: list[str], question: Question, verifier: Verifier) -> int:
    """The number of the group of wrong answers that `answer` belongs to, from 1; a new one if there is none."""
    for number, first in enumerate(firsts, 1):
        equal = fast_equal(first, answer)
        if equal is None:
            asked = replace(question, answer=first)
            said = rf"\boxed{{{answer}}}"
            equal = verifier.judge(asked, said, FinishReason.STOP).verdict is Verdict.CORRECT
        if equal:
            return number
    firsts.append(answer)
    return len(firsts)
