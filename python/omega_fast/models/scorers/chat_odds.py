"""A chat model's odds of `Right` against `Wrong` as the first word on a step: p(Right) / (p(Right) + p(Wrong))."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future

from omega_fast.backends.chat_server import ChatServer
from omega_fast.errors import InputError
from omega_fast.models.scorers.options import ScorerOptions
from omega_fast.models.scorers.queued import Queued, joined
from omega_fast.models.scorers.verdict_text import RIGHT, WRONG, step_prompt

__all__ = ["OddsScorer", "load", "share_of_right"]

_OFF_BY = 0.01
_SHOWN = 3


class OddsScorer(Queued):
    """A `StepwiseScorer`: one request a step, which shows the step and those before it.

    Args:
        server: The chat model; it has to return log-probabilities.
    """

    def __init__(self, server: ChatServer) -> None:
        self._server = server

    def submit(self, problem: str, steps: Sequence[str]) -> Future[list[float]]:
        """See `QueuedScorer.submit`."""
        ends = range(1, len(steps) + 1)
        return joined([self.submit_step(problem, steps[:end]) for end in ends], list)

    def submit_step(self, problem: str, steps: Sequence[str]) -> Future[float]:
        """See `StepwiseScorer.submit_step`."""
        return joined(
            [self._server.odds(step_prompt(problem, steps))], lambda found: share_of_right(found[0])
        )

    def counts(self) -> Mapping[str, int]:
        """What the server counts."""
        return self._server.counts()

    def close(self) -> None:
        """Drop all requests."""
        self._server.close()


def load(name: str, options: ScorerOptions) -> OddsScorer:
    """The model that a server has under `name`. Raises as `ChatServer` does."""
    return OddsScorer(ChatServer(options.served(name), with_odds=True))


def share_of_right(odds: Mapping[str, float]) -> float:
    """p(Right) / (p(Right) + p(Wrong)) from the likeliest first tokens; blanks around a word and its case do not count.

    A spelling that is not among them has at most the probability of the least likely one that is, and of what all
    of them leave. If that is too much to be left out, nothing is known.

    Raises:
        InputError: The score is not known to one hundredth.

    >>> round(share_of_right({"Right": 0.6, " right": 0.15, "Wrong": 0.25}), 3)
    0.75
    """
    said = {"right": 0.0, "wrong": 0.0}
    for token, probability in odds.items():
        word = token.strip().lower()
        if word in said:
            said[word] += probability
    right, wrong = said["right"], said["wrong"]
    unlisted = max(0.0, min(*odds.values(), 1 - sum(odds.values())))
    if right + wrong == 0 or unlisted / (right + wrong) > _OFF_BY:
        likeliest = sorted(odds, key=lambda token: -odds[token])[:_SHOWN]
        raise InputError(
            f"the model does not begin with {RIGHT} or {WRONG}, but with {', '.join(map(repr, likeliest))}",
            hint="ask a model that answers at once, without a thought before it",
        )
    return right / (right + wrong)
