"""A log's responses, fed back to the scheduler in the order they were written."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from omega_fast._core import Recorded, Response
from omega_fast.records import FinishReason, Generation, Judgement, Question, Usage

if TYPE_CHECKING:
    from omega_fast._core import LogLines, Request
    from omega_fast.search.book import QuestionBook

__all__ = ["RecordedResponses", "response"]


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
        on_lost: Told of every draw from a question itself that is recorded as lost, once it is asked for.
    """

    def __init__(
        self,
        book: QuestionBook,
        version: str,
        on_lost: Callable[[Question, int], None] = lambda _, __: None,
    ) -> None:
        self._book = book
        self._scheduler = book.scheduler
        self._on_lost = on_lost
        self._core = Recorded([question.id for question in book.questions], version)

    @property
    def rollouts(self) -> int:
        """Rollouts in the log."""
        return self._core.counts[0]

    @property
    def tokens(self) -> int:
        """Tokens they took."""
        return self._core.counts[1]

    @property
    def answered(self) -> int:
        """Responses handed to the scheduler by `feed`."""
        return self._core.counts[2]

    def note_last_words(self, log: Iterable[LogLines]) -> None:
        """Take note, before `feed`, of the verdicts that count where the log has several on a draw: the last ones."""
        for lines in log:
            self._core.note_last_words(lines)

    def feed(self, log: Iterable[LogLines]) -> None:
        """Hand every response in these lines to the scheduler as it is asked for; records of other kinds pass.

        Raises:
            StoreError: If a record is not what this version writes.
        """
        for lines in log:
            lost, paid = self._core.feed(self._scheduler, lines)
            for number, draw in lost:
                self._on_lost(self._book.questions[number], draw)
            for question, (rollouts, tokens, *usage) in paid:
                self._book.account.enter(question, rollouts, Usage(*usage), tokens)
            self._book.collect()

    def answer(self, request: Request) -> Response | None:
        """The recorded answer to a request, if there is one."""
        found = self._core.answer(request)
        if found is None:
            return None
        answer, lost = found
        if lost and request.at_root:
            self._on_lost(self._book.question(request), request.draw)
        return answer

    def take_unjudged(self, request: Request) -> tuple[int | None, Generation] | None:
        """The recorded rollout that a request asks for, if nobody has judged it yet; its id means nothing.

        Before it comes its name's `early_prefix`, see `DrawKey`.
        """
        found = self._core.take_unjudged(request)
        if found is None:
            return None
        early_prefix, text, ids, ends, n_tokens, n_prompt_tokens, finish = found
        return early_prefix, Generation(-1, text, ids, ends, n_tokens, n_prompt_tokens, FinishReason(finish))

    def take_unclaimed(self) -> list[Request]:
        """The requests that were polled here and that the log does not answer, oldest first; the engine has to."""
        return self._core.take_unclaimed(self._scheduler)
