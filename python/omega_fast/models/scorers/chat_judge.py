r"""A chat model that writes verdicts on solutions: the first wrong step in \boxed{}, once or by several samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future

from omega_fast.backends.chat_server import ChatServer, Reply
from omega_fast.errors import InputError
from omega_fast.models.base import Solution
from omega_fast.models.scorers.options import Judging, ScorerOptions
from omega_fast.models.scorers.queued import Queued, each_of, joined
from omega_fast.models.scorers.verdict_text import first_error_prompt, read_verdict, text_digest

__all__ = ["JudgeScorer", "load"]

_SEED_BITS = 0x7FFF_FFFF
_SHOWN = 80


class JudgeScorer(Queued):
    """A `QueuedScorer` whose score of a step is the share of verdicts that find no error up to it.

    Verdicts that cannot be read are no part of the share; if there is no other, the solution has no scores.

    Args:
        server: The chat model.
        judging: How it is sampled.
    """

    def __init__(self, server: ChatServer, judging: Judging) -> None:
        self._server = server
        self._judging = judging

    def submit_verdicts(self, problem: str, steps: Sequence[str]) -> Future[list[int | None]]:
        """Each sample's first wrong step from 0, -1 for none, `None` where it cannot be read. Fails as `submit`."""
        return joined(
            self._ask(problem, steps),
            lambda replies: [_verdict(each, len(steps)) for each in replies],
        )

    def verdicts_each(self, solutions: Sequence[Solution]) -> list[list[int | None] | InputError]:
        """The verdicts on each solution, or why there are none.

        Raises:
            BackendError: The server is gone.
        """
        return each_of([self.submit_verdicts(*each) for each in solutions])

    def submit(self, problem: str, steps: Sequence[str]) -> Future[list[float]]:
        """See `QueuedScorer.submit`."""

        def shares(replies: Sequence[Reply]) -> list[float]:
            read = [_verdict(each, len(steps)) for each in replies]
            said = [each for each in read if each is not None]
            if not said:
                raise InputError(
                    f"none of {len(replies)} verdicts can be read; the first ends in {replies[0].text[-_SHOWN:]!r}",
                    hint="raise --judge-max-tokens if they are cut off, or ask another model",
                )
            return [sum(each < 0 or each > step for each in said) / len(said) for step in range(len(steps))]

        return joined(self._ask(problem, steps), shares)

    def counts(self) -> Mapping[str, int]:
        """What the server counts."""
        return self._server.counts()

    def close(self) -> None:
        """Drop all requests."""
        self._server.close()

    def _ask(self, problem: str, steps: Sequence[str]) -> list[Future[Reply]]:
        prompt = first_error_prompt(problem, steps)
        how = self._judging
        sampling = {
            "temperature": how.temperature if how.samples > 1 else 0.0,
            "top_p": how.top_p if how.samples > 1 else 1.0,
            "max_tokens": how.max_new_tokens,
        }
        seeds = [_seed(problem, steps, sample) for sample in range(how.samples)]
        return [self._server.answer(prompt, **sampling, seed=seed) for seed in seeds]


def load(name: str, options: ScorerOptions) -> JudgeScorer:
    """The judge that a server has under `name`. Raises as `ChatServer` does."""
    return JudgeScorer(ChatServer(options.served(name)), options.judging)


def _verdict(reply: Reply, n_steps: int) -> int | None:
    return read_verdict(reply.text, n_steps) if reply.is_whole else None


def _seed(problem: str, steps: Sequence[str], sample: int) -> int:
    return int.from_bytes(text_digest(problem, *steps, str(sample))[:4], "little") & _SEED_BITS
