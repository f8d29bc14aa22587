"""A fixed world for guided search: what a draw says and what a text scores are functions of their names."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from omega_fast.records import FinishReason, Generation, Question
from omega_fast.search.guided import (
    DrawRequest,
    GuidedScheduler,
    GuidedSettings,
    QuestionSearch,
    ScoreRequest,
)
from omega_fast.search.guided.plan import Score

SEPARATOR = "\n"
DEPTH = 4
QUESTION = Question("q", "a problem", None)


def step(prefix: str, number: int, *, depth: int = DEPTH, words: int = 3) -> tuple[str, bool]:
    """The draw of one step: its text, and whether the solution ends there."""
    rng = random.Random(f"{prefix}|{number}")
    at = prefix.count(SEPARATOR)
    if at + 1 >= depth:
        return f"end {rng.randrange(words)}", True
    return f"step {at} {rng.randrange(words)}{SEPARATOR}", False


def rest(prefix: str, number: int) -> str:
    """The draw of all that is left of a solution."""
    text, ends = step(prefix, number)
    while not ends:
        following, ends = step(prefix + text, number)
        text += following
    return text


def step_scores(steps: Sequence[str]) -> list[float]:
    """A score for each step, by the text up to it; two decimals, so that ties come up."""
    text, found = "", []
    for each in steps:
        text += each
        found.append(round(random.Random(f"score|{text}").random(), 2))
    return found


def generation(text: str, finish: FinishReason = FinishReason.STOP) -> Generation:
    """A continuation in tokens: words with the blank behind them, and line ends."""
    words = re.findall(r"[^ \n]+ ?|\s", text)
    ends = tuple(accumulate(len(word.encode()) for word in words))
    ids = tuple(hash_of(word) for word in words)
    return Generation(-1, text, ids, ends, max(1, len(ids)), 3, finish)


def hash_of(word: str) -> int:
    return sum(ord(letter) << (at % 3) for at, letter in enumerate(word))


def cut(prefix: str, text: str, ends: Sequence[int]) -> list[int]:
    del prefix, ends
    cuts = [at + 1 for at, letter in enumerate(text.encode()) if letter == ord(SEPARATOR)]
    return cuts if cuts and cuts[-1] == len(text.encode()) else [*cuts, len(text.encode())]


def said(request: DrawRequest) -> Generation | None:
    """What the policy answers."""
    if request.to_step_end:
        return generation(step(request.prefix, request.number)[0])
    return generation(rest(request.prefix, request.number))


def judged(request: ScoreRequest) -> Score:
    return Score(tuple(step_scores(request.steps)))


@dataclass
class Driver:
    """Runs a scheduler to its end; answers in an order drawn from `shuffle`, and notes all that was asked."""

    settings: GuidedSettings
    said: Callable[[DrawRequest], Generation | None] = said
    judged: Callable[[ScoreRequest], Score] = judged
    shuffle: int | None = None
    max_open: int = 64
    draws: list[DrawRequest] = field(default_factory=list)
    scorings: list[list[ScoreRequest]] = field(default_factory=list)

    def run(self, questions: Sequence[Question] = (QUESTION,)) -> list[QuestionSearch]:
        scheduler = GuidedScheduler(self.settings, cut, seed=7, max_open=self.max_open)
        for question in questions:
            scheduler.add_question(question)
        order = random.Random(self.shuffle)
        found: dict[int, QuestionSearch] = {}
        waiting: list[DrawRequest | ScoreRequest] = []
        while not scheduler.is_done:
            draws, scorings = scheduler.poll_draws(1000), scheduler.poll_scorings()
            self.draws += draws
            if scorings:
                self.scorings.append(scorings)
            waiting += [*draws, *scorings]
            if not waiting and not scheduler.is_done:
                raise AssertionError("nothing is wanted, and it is not done")
            if self.shuffle is not None:
                order.shuffle(waiting)
            batch = waiting if self.shuffle is None else waiting[: order.randint(1, len(waiting))]
            waiting = waiting[len(batch) :]
            for each in batch:
                answer = self.said(each) if isinstance(each, DrawRequest) else self.judged(each)
                scheduler.handle(each.question, each.sequence, answer)
            found |= dict(scheduler.poll_finished())
        found |= dict(scheduler.poll_finished())
        return [found[number] for number in sorted(found)]


def settings(**given: object) -> GuidedSettings:
    return GuidedSettings(**{"separator": SEPARATOR, "max_steps": 10, **given})  # type: ignore[arg-type]
