"""The questions of a run: their numbers in the scheduler, and the tally of what their searches gave."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from omega_fast._core import Scheduler
from omega_fast.errors import InputError
from omega_fast.journal import DrawKey, prefix_digest
from omega_fast.records import Judgement, Question
from omega_fast.search.epochs import Epochs
from omega_fast.spending.account import Account

if TYPE_CHECKING:
    from omega_fast._core import Request

__all__ = ["ArtifactsSink", "QuestionBook", "Tally"]


class ArtifactsSink(Protocol):
    """Where finished artifacts go: the number of the question, and one line of JSON."""

    def __call__(self, number: int, line: bytes) -> None:
        """Keep the line."""
        ...


class Tally:
    """Counts over the finished questions of a run."""

    def __init__(self) -> None:
        self.finished = 0
        self.labels = 0
        self.counts: Counter[str] = Counter()
        self.finishes: Counter[str] = Counter()
        self.verdicts: Counter[str] = Counter()

    def add(self, retired: dict[str, Any]) -> None:
        """Count one question, given what the core says of it when it is retired."""
        self.finished += 1
        self.labels += retired["labels"]
        self.counts.update(retired["counts"])
        self.finishes[retired["finish"]] += 1
        self.verdicts.update(retired["verdicts"])


class QuestionBook:
    """A scheduler with names: which number is which question, and where finished ones go.

    Args:
        core_config: The search configuration as the core's JSON.
        sink: Gets the artifacts of every finished question.
        majority: The answer that stands in for the gold a question lacks, by its id.
        epochs: What the log says of rates learnt across questions.
    """

    def __init__(
        self,
        core_config: str,
        sink: ArtifactsSink,
        majority: Callable[[str], str | None] = lambda _: None,
        epochs: Epochs | None = None,
    ) -> None:
        self.scheduler = Scheduler(core_config)
        self.questions: list[Question] = []
        self.tally = Tally()
        self.epochs = epochs or Epochs()
        self.account = Account()
        self._sink = sink
        self._majority = majority
        self._ids: set[str] = set()

    def __contains__(self, question_id: str) -> bool:
        return question_id in self._ids

    def add(self, question: Question, judgements: Sequence[Judgement]) -> None:
        """Queue a question, its supplied solutions judged in order.

        Raises:
            InputError: If its id is taken, or the steps of a solution do not add up to its text.
        """
        if question.id in self._ids:
            raise InputError(
                f"question {question.id} comes twice", hint="give every question an id of its own"
            )
        solutions = [
            (
                solution.text,
                [len(step.encode()) for step in solution.steps],
                judgement.verdict.value,
                judgement.answer,
                solution.source,
            )
            for solution, judgement in zip(question.solutions, judgements, strict=True)
        ]
        self.scheduler.add_question(question.id, question.problem, solutions)
        self.questions.append(question)
        self.account.questions += 1
        self._ids.add(question.id)

    def question(self, request: Request) -> Question:
        """The question a request belongs to."""
        return self.questions[request.question]

    def key(self, request: Request) -> DrawKey:
        """The name of the draw a request asks for."""
        early = prefix_digest(request.prefix_tokens) if request.speculative else None
        return DrawKey(self.questions[request.question].id, request.state, request.draw, early)

    def collect(self) -> list[str]:
        """Take finished questions out of the scheduler and pass their artifacts on; their ids.

        Raises:
            StoreError: If rates learnt again differ from those in the log.
        """
        finished = []
        for kind, number, questions in self.scheduler.poll_events():
            if kind == "search_finished":
                self._finish(number)
                finished.append(self.questions[number].id)
            elif kind == "epoch_learnt":
                self.epochs.learnt(number, questions or 0, self.scheduler.epoch(number) or "{}")
        return finished

    def _finish(self, number: int) -> None:
        question = self.questions[number]
        core, tally = self.scheduler.retire(number)
        answer = self._majority(question.id) if question.answer is None else question.answer
        source = "none" if answer is None else "majority" if question.answer is None else "given"
        head = orjson.dumps(
            {
                "question": {"id": question.id, "problem": question.problem, "answer": answer},
                "gold_source": source,
            }
        )
        # The core's bytes are kept as they are, so that a replay can be compared byte for byte.
        line = b"".join((head[:-1], b",", memoryview(core)[1:]))
        labels, located = self.tally.labels, self.tally.counts["located"]
        self.tally.add(orjson.loads(tally))
        self.account.finish(
            number,
            question.id,
            labels=self.tally.labels - labels,
            located=self.tally.counts["located"] - located,
        )
        self._sink(number, line)
