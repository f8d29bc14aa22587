"""A log's responses, fed back to the scheduler in the order they were written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from omega_fast._core import Response
from omega_fast.journal import DrawKey, judgement_from, key_of, prefix_digest, rollout_from
from omega_fast.records import Generation, Judgement

if TYPE_CHECKING:
    from omega_fast._core import Request
    from omega_fast.search.book import QuestionBook

__all__ = ["RecordedResponses", "response"]

_POLLED_AT_ONCE = 1024
_ANSWERED_AT_ONCE = 256


def response(request: Request, generation: Generation, judgement: Judgement) -> Response:
    """A judged continuation as the core takes it."""
    return Response.rollout(
        request,
        text=generation.text,
        token_ids=generation.token_ids,
        token_ends=generation.token_ends,
        n_tokens=generation.n_tokens,
        verdict=judgement.verdict.value,
        answer=judgement.answer,
    )


class RecordedResponses:
    """Answers requests from a log, as far as the log reaches.

    Args:
        book: The questions, all added.
        version: The verifier version whose verdicts count.
        on_lost: Told of every request whose draw is recorded as lost.
        verdicts: The verdicts that count, where the log has several; by default each is taken as it comes.

    Attributes:
        unjudged: Rollouts of the log on which the verifier version that counts has not spoken.
        unclaimed: Requests polled here that the log does not answer; the engine has to.
        spare: Judged rollouts that no request has asked for yet.
        lost: Draws recorded as lost that no request has asked for yet.
        rollouts: Rollouts in the log.
        tokens: Tokens they took.
    """

    def __init__(
        self,
        book: QuestionBook,
        version: str,
        on_lost: Callable[[Request], None] = lambda _: None,
        verdicts: Mapping[DrawKey, Judgement] | None = None,
    ) -> None:
        self._book = book
        self._version = version
        self._on_lost = on_lost
        self._verdicts = verdicts
        self._answers: list[Response] = []
        self.unjudged: dict[DrawKey, Generation] = {}
        self.unclaimed: dict[DrawKey, Request] = {}
        self.spare: dict[DrawKey, tuple[Generation, Judgement]] = {}
        self.lost: set[DrawKey] = set()
        self._spare_of: defaultdict[str, list[DrawKey]] = defaultdict(list)
        self.rollouts = 0
        self.tokens = 0

    def feed(self, records: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        """Hand every response in `records`, as (kind, body), to the scheduler; records of other kinds pass."""
        for kind, body in records:
            self._take(kind, body)
            if len(self._answers) >= _ANSWERED_AT_ONCE:
                self._hand_over()
        while self._poll() or self._hand_over():
            pass

    def answer(self, request: Request, key: DrawKey) -> Response | None:
        """The recorded answer to a request with this key, if there is one."""
        for name in _names(request, key):
            if name in self.lost:
                self.lost.discard(name)
                return self._lost(request)
            found = self.spare.pop(name, None)
            if found is not None:
                return response(request, *found)
        return None

    def take_unjudged(self, request: Request, key: DrawKey) -> tuple[DrawKey, Generation] | None:
        """The unjudged rollout in the log that a request with this key asks for, with its own name."""
        for name in _names(request, key):
            found = self.unjudged.pop(name, None)
            if found is not None:
                return name, found
        return None

    def take_unclaimed(self) -> list[Request]:
        """The requests that were polled here and that the log does not answer, oldest first."""
        requests = list(self.unclaimed.values())
        self.unclaimed.clear()
        return requests

    def _take(self, kind: str, body: Mapping[str, Any]) -> None:
        if kind == "rollout":
            key = key_of(body)
            self.rollouts += 1
            self.tokens += body["n_tokens"]
            self.unjudged[key] = rollout_from(body)
            if self._verdicts is not None and key in self._verdicts:
                self._judged(key, self.unjudged.pop(key), self._verdicts[key])
        elif kind == "verdict" and self._verdicts is None and body["version"] == self._version:
            key = key_of(body)
            generation = self.unjudged.pop(key, None)
            if generation is not None:
                self._judged(key, generation, judgement_from(body))
        elif kind == "lost":
            key = key_of(body)
            request = self._claim(key)
            if request is None:
                self.lost.add(key)
            else:
                self._answers.append(self._lost(request))

    def _lost(self, request: Request) -> Response:
        self._on_lost(request)
        return Response.lost(request)

    def _judged(self, key: DrawKey, generation: Generation, judgement: Judgement) -> None:
        """Take a recorded rollout with the verdict that counts."""
        request = self._claim(key)
        if request is None:
            self.spare[key] = (generation, judgement)
            self._spare_of[key.question].append(key)
        else:
            self._answers.append(response(request, generation, judgement))

    def _claim(self, key: DrawKey) -> Request | None:
        """The scheduler's request for a draw, polling until it comes up or nothing more does."""
        if key.early_prefix is not None:
            # What was made early is asked for later, if at all, and perhaps as other ids.
            request = self.unclaimed.get(key.decided())
            if request is None or prefix_digest(request.prefix_tokens) != key.early_prefix:
                return None
            return self.unclaimed.pop(key.decided())
        while key not in self.unclaimed:
            if not self._poll() and not self._hand_over():
                return None
        return self.unclaimed.pop(key)

    def _poll(self) -> bool:
        """Take requests up, and answer what the log has already passed; whether there were any."""
        requests = self._book.scheduler.poll_requests(_POLLED_AT_ONCE)
        for request in requests:
            key = self._book.key(request)
            answer = self.answer(request, key)
            if answer is None:
                self.unclaimed[key] = request
            else:
                self._answers.append(answer)
        return bool(requests)

    def _hand_over(self) -> bool:
        answers, self._answers = self._answers, []
        if answers:
            self._book.scheduler.handle_responses(answers)
            for question in self._book.collect():
                for key in self._spare_of.pop(question, ()):
                    self.spare.pop(key, None)
        return bool(answers)


def _names(request: Request, key: DrawKey) -> tuple[DrawKey, ...]:
    """The names under which the log may hold what a request asks for: its own, and as drawn early or decided on."""
    decided = key.decided()
    early = replace(decided, early_prefix=prefix_digest(request.prefix_tokens))
    return (early, decided) if request.speculative else (decided, early)
