"""A log's responses, fed back to the scheduler in the order they were written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
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
        answered: Responses handed to the scheduler here.
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
        self._early_prefixes: dict[DrawKey, int] = {}
        self._spare_of: defaultdict[str, list[DrawKey]] = defaultdict(list)
        self.rollouts = 0
        self.tokens = 0
        self.answered = 0

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
        if key in self.lost:
            self.lost.discard(key)
            return self._lost(request)
        found = self.spare.pop(key, None)
        if found is None or not self._is_asked_for(request, key):
            return None
        return response(request, *found)

    def take_unjudged(self, request: Request, key: DrawKey) -> Generation | None:
        """The recorded rollout that a request with this key asks for, if nobody has judged it yet."""
        found = self.unjudged.pop(key, None)
        return found if found is not None and self._is_asked_for(request, key) else None

    def _is_asked_for(self, request: Request, key: DrawKey) -> bool:
        """Whether a rollout made early continues the ids that are now asked for, and not others of the same text."""
        made_from = self._early_prefixes.pop(key, None)
        return made_from is None or made_from == prefix_digest(request.prefix_tokens)

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
            self._early_prefixes.pop(key, None)
            if "early_prefix" in body:
                self._early_prefixes[key] = body["early_prefix"]
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
        # What was made early is asked for later, if at all.
        early = key in self._early_prefixes and key not in self.unclaimed
        request = None if early else self._claim(key)
        if request is None:
            self.spare[key] = (generation, judgement)
            self._spare_of[key.question].append(key)
        elif self._is_asked_for(request, key):
            self._answers.append(response(request, generation, judgement))
        else:
            self.unclaimed[key] = request

    def _claim(self, key: DrawKey) -> Request | None:
        """The scheduler's request for a draw, polling until it comes up or nothing more does."""
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
        self.answered += len(answers)
        if answers:
            self._book.scheduler.handle_responses(answers)
            for question in self._book.collect():
                for key in self._spare_of.pop(question, ()):
                    self.spare.pop(key, None)
                    self._early_prefixes.pop(key, None)
        return bool(answers)
