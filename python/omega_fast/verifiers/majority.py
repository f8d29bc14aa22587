"""Gold answers for questions that have none: what most of the root rollouts say (self-consistency)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Self

from omega_fast.errors import ConfigError
from omega_fast.records import FinishReason, Judgement, Question
from omega_fast.verifiers.base import TellsFailures, Verifier
from omega_fast.verifiers.equal import fast_equal
from omega_fast.verifiers.extract import extract_answer

__all__ = ["MajorityVerifier", "majority_answer"]


def majority_answer(answers: Iterable[str | None]) -> str | None:
    """The answer most of `answers` give, in the words of the first that gave it; `None` does not vote.

    Answers that `fast_equal` calls equal to a group's first answer vote together. Of groups with equally many
    votes, the one that came first wins.

    >>> majority_answer(["2", None, "1/2", "0.5", "2.0"])
    '2'
    """
    votes: dict[str, int] = {}
    for answer in answers:
        if answer is not None:
            group = next((first for first in votes if fast_equal(first, answer)), answer)
            votes[group] = votes.get(group, 0) + 1
    return max(votes, key=lambda first: votes[first], default=None)


@dataclass(slots=True)
class _Ballot:
    """A question that waits for its root rollouts: their answers by draw index, and the jobs held back."""

    answers: dict[int, str | None] = field(default_factory=dict)
    jobs: list[tuple[int, Question, str, FinishReason, int | None]] = field(default_factory=list)


class MajorityVerifier:
    """A `Verifier` that takes the majority answer of a question's root rollouts for the gold it lacks.

    Jobs of such a question are held until all `n_root` draws have been submitted, and are then judged against
    the majority. It depends on the draw indices alone, so the order of arrival changes nothing. Truncated
    rollouts and those without an answer do not vote; if none votes, the question stays without gold.
    Questions with gold pass straight through.

    Args:
        inner: The verifier that judges against the gold; closed together with this one.
        n_root: How many root rollouts vote, with draw indices 0 to `n_root` - 1.
        extract: Finds the answer of a solution.
    """

    def __init__(
        self, inner: Verifier, n_root: int, *, extract: Callable[[str], str | None] = extract_answer
    ) -> None:
        if n_root < 1:
            raise ConfigError(f"a majority of {n_root} rollouts does not exist", hint="give at least 1")
        self._inner = inner
        self._n_root = n_root
        self._extract = extract
        self._lock = threading.Lock()
        self._ballots: dict[str, _Ballot] = {}
        self._majorities: dict[str, str | None] = {}

    @property
    def version(self) -> str:
        """The inner verifier's version and the size of the vote."""
        return f"majority-of-{self._n_root} {self._inner.version}"

    def majority(self, question_id: str) -> str | None:
        """The answer that stands in for this question's gold; `None` before the vote, or if nobody voted."""
        return self._majorities.get(question_id)

    def has_voted(self, question_id: str) -> bool:
        """Whether the vote on this question is over."""
        return question_id in self._majorities

    def restore(self, question_id: str, answer: str | None) -> None:
        """Settle a question whose root rollouts were judged in an earlier run, which kept this majority."""
        self._settle(question_id, answer)

    def submit(
        self, job_id: int, question: Question, solution: str, finish: FinishReason, draw: int | None = None
    ) -> None:
        """Queue one solution, or hold it until the question's vote is complete; see `Verifier.submit`."""
        if finish is FinishReason.ERROR:
            raise ValueError(f"question {question.id}: a failed generation is not a solution")
        if question.answer is not None:
            self._inner.submit(job_id, question, solution, finish, draw)
            return
        if draw is not None and not 0 <= draw < self._n_root:
            raise ValueError(f"question {question.id}: draw {draw} of {self._n_root} root rollouts")
        with self._lock:
            settled = question.id in self._majorities
            if not settled:
                ballot = self._ballots.setdefault(question.id, _Ballot())
                ballot.jobs.append((job_id, question, solution, finish, draw))
        if settled:
            gold = self._majorities[question.id]
            self._inner.submit(job_id, replace(question, answer=gold), solution, finish, draw)
        elif draw is not None:
            self._vote(question.id, draw, self._extract(solution) if finish is FinishReason.STOP else None)

    def lost(self, question: Question, draw: int) -> None:
        """Count a root rollout that will never come as one that does not vote."""
        if question.answer is None and question.id not in self._majorities:
            self._vote(question.id, draw, None)
        self._inner.lost(question, draw)

    def poll(self, timeout: float) -> list[tuple[int, Judgement]]:
        """All judgements that are in; jobs held for a vote are not waited for."""
        return self._inner.poll(timeout)

    def judge(self, question: Question, solution: str, finish: FinishReason) -> Judgement:
        """Judge one solution and wait for it; before the vote, a question without gold is `unsupported`."""
        gold = self.majority(question.id) if question.answer is None else question.answer
        return self._inner.judge(replace(question, answer=gold), solution, finish)

    def failures(self) -> Mapping[str, int]:
        """Those of the inner verifier, if it tells them."""
        return self._inner.failures() if isinstance(self._inner, TellsFailures) else {}

    def close(self) -> None:
        """Close the inner verifier and drop what is held. May be called twice."""
        with self._lock:
            self._ballots.clear()
        self._inner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _vote(self, question_id: str, draw: int, answer: str | None) -> None:
        with self._lock:
            ballot = self._ballots.setdefault(question_id, _Ballot())
            ballot.answers[draw] = answer
            complete = len(ballot.answers) == self._n_root
            answers = [ballot.answers[index] for index in sorted(ballot.answers)]
        if complete:
            self._settle(question_id, majority_answer(answers))

    def _settle(self, question_id: str, answer: str | None) -> None:
        with self._lock:
            self._majorities.setdefault(question_id, answer)
            ballot = self._ballots.pop(question_id, _Ballot())
            gold = self._majorities[question_id]
        for job_id, question, solution, finish, draw in ballot.jobs:
            self._inner.submit(job_id, replace(question, answer=gold), solution, finish, draw)
