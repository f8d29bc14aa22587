"""A fake engine in a world of planted errors: every continuation is a function of (question, prefix, seed)."""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from omega_fast.backends.base import Prompt
from omega_fast.errors import BackendError
from omega_fast.records import FinishReason, Generation, GenerationRequest, Question, Solution

__all__ = ["FakeEngine", "Knobs", "continuation", "decoded", "questions", "tokens_of"]

SEPARATOR = "\n"
_TOKEN = re.compile(r"π|[^\sπ]{1,2}[ \n]?|\s")
_ERROR_RATE = 0.2
_RECOVERY = 0.1


def questions(count: int, *, gold: bool = True, solutions: int = 0) -> list[Question]:
    """Questions with 3 to 6 steps each, all different, perhaps with supplied solutions."""
    made = []
    for number in range(count):
        question = Question(f"q{number}", f"{3 + number % 4} steps, please ({number})", str(number))
        texts = [continuation(question, "", 10_000 + index) for index in range(solutions)]
        made.append(
            replace(
                question,
                answer=question.answer if gold else None,
                solutions=tuple(Solution(text, source="fake") for text in texts),
            )
        )
    return made


def continuation(question: Question, prefix: str, seed: int) -> str:
    """The rest of a solution: `s1 π ok`, ... and `answer N`; wrong after a bad step, but for a lucky tenth."""
    draw = random.Random(f"{question.id}|{prefix}|{seed}")
    wanted = int(question.problem.split()[0])
    bad = "bad" in prefix
    text = ""
    for step in range(prefix.count(SEPARATOR) + 1, wanted + 1):
        slip = draw.random() < _ERROR_RATE
        bad = bad or slip
        text += f"s{step} π {'bad' if slip else 'ok'}{draw.choice(['', ' x', ' xx'])}\n"
    right = not bad or draw.random() < _RECOVERY
    number = int(question.id.removeprefix("q"))
    return text + f"answer {number if right else number + 1 + draw.randrange(2)}\n"


def tokens_of(text: str) -> tuple[list[int], list[int]]:
    """Ids and ends in UTF-8 bytes; `π` is two tokens, the first of which ends inside the character."""
    ids: list[int] = []
    ends: list[int] = []
    at = 0
    for piece in _TOKEN.findall(text):
        data = piece.encode()
        at += len(data)
        if piece == "π":
            ids += [_id(data[:1]), _id(data[1:])]
            ends += [-1, at]
        else:
            ids.append(_id(data))
            ends.append(at)
    return ids, ends


def decoded(ids: Sequence[int]) -> str:
    """The text that these ids stand for."""
    return b"".join(number.to_bytes(4).lstrip(b"\0")[1:] for number in ids).decode()


def _id(data: bytes) -> int:
    """At most three bytes as an id, behind a 1 that marks where they begin."""
    return int.from_bytes(b"\1" + data)


@dataclass(frozen=True, slots=True)
class Knobs:
    """How the engine behaves.

    Attributes:
        slots: What it claims.
        shuffle: Seeds the order of its answers; `None` keeps it.
        latency: Polls before an answer comes, at most; drawn for each request.
        fails: Requests that fail in every try.
        fails_once: Requests that fail in their first try.
        dies_at: The submitted request, counted from 1, at which it is gone.
        hangs_at: The one from which on nothing comes back.
        truncates: Requests that meet the token limit.
        poisons: What else may become of a generation.
        on_submit: Told of every request.
    """

    slots: int = 8
    shuffle: int | None = None
    latency: int = 0
    fails: Callable[[GenerationRequest], bool] = lambda _: False
    fails_once: Callable[[GenerationRequest], bool] = lambda _: False
    dies_at: int | None = None
    hangs_at: int | None = None
    truncates: Callable[[GenerationRequest], bool] = lambda _: False
    poisons: Callable[[GenerationRequest, Generation], Generation] = lambda _, generation: generation
    on_submit: Callable[[int, GenerationRequest], None] = lambda _, __: None


class FakeEngine:
    """A `Backend` that keeps its contract in every way that its knobs do not break.

    It checks that a prefix comes with the tokens it was generated as, or with none.
    """

    def __init__(self, knobs: Knobs = Knobs(), *, policy: str = "fake") -> None:
        self.knobs = knobs
        self.submitted = 0
        self.given = 0
        self.turns = 0
        self._policy = policy
        self._chance = random.Random(knobs.shuffle)
        self._tries: Counter[tuple[str, str, int]] = Counter()
        self._working: dict[int, tuple[int, Generation]] = {}

    @property
    def slots(self) -> int:
        return self.knobs.slots

    def fingerprint(self) -> Mapping[str, Any]:
        return {"backend": self._policy}

    def prompt(self, question: Question) -> Prompt:
        return Prompt(question.problem, tuple(question.problem.encode()))

    def submit(self, requests: Sequence[GenerationRequest]) -> None:
        for request in requests:
            self.submitted += 1
            if self.knobs.dies_at is not None and self.submitted >= self.knobs.dies_at:
                raise BackendError("the fake engine died", hint="start it again")
            self.knobs.on_submit(self.submitted, request)
            assert request.id not in self._working
            if request.prefix_tokens is not None:
                assert decoded(request.prefix_tokens) == request.prefix
            wait = self._chance.randint(0, self.knobs.latency)
            self._working[request.id] = (wait, self._generation(request))

    def cancel(self, ids: Collection[int]) -> None:
        for number in ids:
            self._working.pop(number, None)

    def poll(self, timeout: float) -> list[Generation]:
        self.turns += 1
        if self.knobs.hangs_at is not None and self.submitted >= self.knobs.hangs_at:
            time.sleep(min(timeout, 0.01))
            return []
        done = [generation for wait, generation in self._working.values() if not wait]
        for generation in done:
            del self._working[generation.id]
        self._working = {number: (wait - 1, each) for number, (wait, each) in self._working.items()}
        if self.knobs.shuffle is not None:
            self._chance.shuffle(done)
        self.given += len(done)
        return done

    def close(self) -> None:
        self._working.clear()

    def _generation(self, request: GenerationRequest) -> Generation:
        tries = self._tries[request.question.id, request.prefix, request.seed]
        self._tries[request.question.id, request.prefix, request.seed] += 1
        if self.knobs.fails(request) or (not tries and self.knobs.fails_once(request)):
            return Generation(
                request.id, "", (), (), 0, 0, FinishReason.ERROR, "the fake engine was told to fail"
            )
        text = continuation(request.question, request.prefix, 0 if request.greedy else request.seed)
        cuts = [at + len(stop) for stop in request.stop if (at := text.find(stop)) >= 0]
        text = text[: min(cuts, default=len(text))]
        ids, ends = tokens_of(text)
        finish = FinishReason.STOP
        if self.knobs.truncates(request):
            half = len(text) // 2
            text, finish = text[:half], FinishReason.LENGTH
            ids, ends = tokens_of(text)
        return self.knobs.poisons(
            request, Generation(request.id, text, ids, ends, len(ids) + 1, len(request.prefix), finish)
        )
