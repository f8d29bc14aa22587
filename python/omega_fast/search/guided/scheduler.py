"""Many questions searched at once by one method; the contract of `omega_core`'s scheduler, for guided search.

    add_question(question)         what is to be searched
    poll_draws(most), poll_scorings()   work it wants done now; polling never changes a decision
    handle(question, sequence, answer)  what came of it; any order, any subset
    poll_finished()                questions whose search is over

A question goes on once all that it asked for is answered, and sees the answers in the order in which it asked:
engines, batches, timing and other questions change nothing that is decided.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from hashlib import blake2b

from omega_fast.records import Generation, Question
from omega_fast.search.guided.methods import run_method
from omega_fast.search.guided.plan import GREEDY, Draw, Plan, Score, Scoring, Want
from omega_fast.search.guided.question_search import Cut, QuestionSearch
from omega_fast.search.guided.settings import GuidedSettings
from omega_fast.search.guided.tree import state_key, steps_to_score

__all__ = ["DrawRequest", "GuidedScheduler", "ScoreRequest", "seed_of"]


@dataclass(frozen=True, slots=True)
class DrawRequest:
    """A continuation wanted.

    Attributes:
        question: The question's place in the run.
        sequence: Which request of the question; with it the name for `handle`.
        state: The name of the prefix.
        number: Which draw from it, `GREEDY` for the likeliest continuation.
        prefix: What is continued.
        prefix_tokens: The ids it was generated as, if they are known.
        seed: Of this draw alone.
        max_new_tokens: Its limit.
        to_step_end: Stop at the end of a step.
    """

    question: int
    sequence: int
    state: str
    number: int
    prefix: str
    prefix_tokens: tuple[int, ...] | None
    seed: int
    max_new_tokens: int
    to_step_end: bool

    @property
    def greedy(self) -> bool:
        """Whether the likeliest tokens are wanted."""
        return self.number == GREEDY


@dataclass(frozen=True, slots=True)
class ScoreRequest:
    """Scores wanted for the steps of a prefix, whose name is `state`."""

    question: int
    sequence: int
    state: str
    steps: tuple[str, ...]


@dataclass(slots=True)
class _Open:
    """A question under search: its method at work, and the answers so far to what it asked for last."""

    search: QuestionSearch
    plan: Plan[None]
    first: int = 0
    missing: int = 0
    answers: list[Generation | Score | None] = field(default_factory=list)


class GuidedScheduler:
    """Decides what is drawn and scored next, for all questions.

    Args:
        settings: The search.
        cut: Where the steps of a continuation end.
        seed: Of every draw.
        max_open: Questions under search at once.
    """

    def __init__(self, settings: GuidedSettings, cut: Cut, *, seed: int = 0, max_open: int = 64) -> None:
        self._settings = settings
        self._cut = cut
        self._seed = seed
        self._max_open = max_open
        self._questions: list[Question] = []
        self._next = 0
        self._open: dict[int, _Open] = {}
        self._draws: deque[DrawRequest] = deque()
        self._scorings: list[ScoreRequest] = []
        self._finished: list[tuple[int, QuestionSearch]] = []

    @property
    def is_done(self) -> bool:
        """Whether every question is finished."""
        return not self._open and self._next == len(self._questions)

    @property
    def open_searches(self) -> dict[int, QuestionSearch]:
        """The questions under search, to look at."""
        return {number: each.search for number, each in self._open.items()}

    def __len__(self) -> int:
        """Questions in all."""
        return len(self._questions)

    def question(self, number: int) -> Question:
        """A question by its place in the run."""
        return self._questions[number]

    def add_question(self, question: Question) -> int:
        """Take a question in; its place in the run."""
        self._questions.append(question)
        return len(self._questions) - 1

    def poll_draws(self, most: int) -> list[DrawRequest]:
        """Draws that are wanted, oldest first, at most so many; waiting questions are opened for more."""
        self._open_questions()
        return [self._draws.popleft() for _ in range(min(most, len(self._draws)))]

    def poll_scorings(self) -> list[ScoreRequest]:
        """All scores that are wanted."""
        self._open_questions()
        wanted, self._scorings = self._scorings, []
        return wanted

    def handle(self, question: int, sequence: int, answer: Generation | Score | None) -> None:
        """Take an answer; `None` for a draw that will never come."""
        opened = self._open[question]
        opened.answers[sequence - opened.first] = answer
        opened.missing -= 1
        if not opened.missing:
            self._go_on(question, opened)

    def poll_finished(self) -> list[tuple[int, QuestionSearch]]:
        """Questions whose search has ended since the last call, with all that was found."""
        finished, self._finished = self._finished, []
        return finished

    def _open_questions(self) -> None:
        while self._next < len(self._questions) and len(self._open) < self._max_open:
            search = QuestionSearch(self._settings, self._cut)
            number, self._next = self._next, self._next + 1
            opened = self._open[number] = _Open(search, run_method(search))
            self._go_on(number, opened)

    def _go_on(self, number: int, opened: _Open) -> None:
        try:
            # A generator is started by sending it nothing.
            wants = opened.plan.send(opened.answers) if opened.first or opened.answers else next(opened.plan)
        except StopIteration:
            del self._open[number]
            self._finished.append((number, opened.search))
            return
        opened.first += len(opened.answers)
        opened.missing = len(wants)
        opened.answers = [None] * len(wants)
        self._ask(number, opened.first, wants)

    def _ask(self, number: int, first: int, wants: Want) -> None:
        for sequence, want in enumerate(wants, first):
            if isinstance(want, Scoring):
                steps = steps_to_score(want.node.steps)
                self._scorings.append(ScoreRequest(number, sequence, state_key(want.node.text), steps))
            elif isinstance(want, Draw):
                self._draws.append(self._request(number, sequence, want))

    def _request(self, number: int, sequence: int, draw: Draw) -> DrawRequest:
        state = state_key(draw.node.text)
        return DrawRequest(
            question=number,
            sequence=sequence,
            state=state,
            number=draw.number,
            prefix=draw.node.text,
            prefix_tokens=draw.node.tokens if draw.node.parent is not None else (),
            seed=seed_of(self._seed, self._questions[number].id, state, draw.number),
            max_new_tokens=draw.max_new_tokens,
            to_step_end=draw.to_step_end,
        )


def seed_of(seed: int, question: str, state: str, number: int) -> int:
    """The seed of a draw: a hash of the run's seed and of the draw's name."""
    name = f"{seed}\0{question}\0{state}\0{number}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(name, digest_size=8).digest(), "big") >> 1
