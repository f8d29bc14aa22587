"""A generative process reward model: a chat model that criticises each step and says whether it is right."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock

from omega_fast.errors import InputError
from omega_fast.models.aggregate import Aggregation, aggregate
from omega_fast.models.base import Solution
from omega_fast.models.critiques import Message, solution_messages
from omega_fast.models.prm_card import PrmCard
from omega_fast.models.scorers.replies import Asked, Reply, ReplyWriter
from omega_fast.models.scorers.verdict_text import text_digest

__all__ = ["GenerativePRM", "VerdictWriter"]

_REMEMBERED = 100_000
_SHOWN = 60
_SEED_BITS = 0x7FFF_FFFF


class _Talks:
    """Conversations on solutions, step by step for all of them together; a beginning that is known is not asked for.

    A step's reply depends on the problem, the steps up to it and the replies to these, all of them the model's own.
    """

    def __init__(self, writer: ReplyWriter, card: PrmCard) -> None:
        self._writer = writer
        self._card = card
        self._known: OrderedDict[bytes, Reply | InputError] = OrderedDict()
        self._lock = Lock()
        self.asked = 0
        self.unreadable = 0

    def replies(
        self,
        solutions: Sequence[Solution],
        seeds: Sequence[int | None],
        goes_on: Callable[[Reply], bool] = lambda _: True,
    ) -> list[list[Reply] | InputError]:
        """The replies to the steps of each solution, up to one that it does not go on after, or why there are none."""
        found: list[list[Reply] | InputError] = [_checked(steps) or [] for _, steps in solutions]
        cut = [[_without_end(step, self._card.separator) for step in steps] for _, steps in solutions]
        for step in range(max((len(each) for each in cut), default=0)):
            wanted: dict[bytes, Asked] = {}
            keys: dict[int, bytes] = {}
            for at, (problem, _) in enumerate(solutions):
                said = found[at]
                if isinstance(said, InputError) or len(said) < step or len(cut[at]) <= step:
                    continue
                if said and not goes_on(said[-1]):
                    continue
                steps = cut[at][: step + 1]
                keys[at] = text_digest(problem, *steps, str(seeds[at]))
                if keys[at] not in wanted and self._recalled(keys[at]) is None:
                    messages = solution_messages(
                        problem, steps, [each.text for each in said], self._card.template.system
                    )
                    wanted[keys[at]] = Asked(tuple(messages), _drawn(seeds[at], step))
            fresh = dict(zip(wanted, self._writer.write(list(wanted.values())), strict=True))
            self._keep(fresh)
            for at, key in keys.items():
                reply = fresh.get(key) or self._recalled(key)
                said = found[at]
                assert reply is not None, "asked for, or known"
                assert not isinstance(said, InputError), "left out above"
                if isinstance(reply, InputError):
                    found[at] = reply
                else:
                    said.append(reply)
        return found

    def _recalled(self, key: bytes) -> Reply | InputError | None:
        with self._lock:
            return self._known.get(key)

    def _keep(self, fresh: Mapping[bytes, Reply | InputError]) -> None:
        with self._lock:
            self._known |= fresh
            self.asked += len(fresh)
            self.unreadable += sum(isinstance(each, Reply) and each.right is None for each in fresh.values())
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)


class _Talking:
    """What scores and verdicts have in common: a thread in which the model is waited for, its counts, its end."""

    def __init__(self, writer: ReplyWriter, card: PrmCard) -> None:
        self.card = card
        self._writer = writer
        self._talks = _Talks(writer, card)
        self._thread = ThreadPoolExecutor(1, "critiques")

    def counts(self) -> Mapping[str, int]:
        """Replies that were asked for, those of them without a verdict, and what the server counts."""
        said: Mapping[str, int] = getattr(self._writer, "counts", dict)()
        return {"replies": self._talks.asked, "without_a_verdict": self._talks.unreadable, **said}

    def close(self) -> None:
        """Give the model up. May be called twice."""
        self._thread.shutdown(wait=True, cancel_futures=True)
        self._writer.close()


class GenerativePRM(_Talking):
    r"""A `QueuedScorer` by p(right) / (p(right) + p(wrong)) at the verdict of the model's own greedy critique.

    Of a model trained on GroundedPRM's conversations these are the probabilities of `+` and `-`, of one that answers
    in a word those of `Right` and `Wrong`. A solution in which a reply has no verdict has no scores, unless an earlier
    step was called wrong: conversations that such models are trained on end there, and what they write later may
    be anything, and the steps from that reply on have the score of the first wrong one.

    Args:
        writer: Where the model runs.
        card: How its replies are read.

    >>> prm = load_scorer("out/prm")                                               # doctest: +SKIP
    >>> prm("x is 7 . a x add 1 . ?", ["a x 7 + 1 = 8\n", "answer 8\n"])          # doctest: +SKIP
    [0.98, 0.97]
    """

    def score(self, problem: str, steps: Sequence[str]) -> list[float]:
        """The chance that each step is right, in order. Raises `InputError` if one cannot be judged."""
        return self.score_many([(problem, steps)])[0]

    __call__ = score

    def score_many(self, solutions: Iterable[Solution]) -> list[list[float]]:
        """The scores of many solutions, in the order of the argument. Raises like `score`."""
        rows = []
        for number, row in enumerate(self.score_each(list(solutions)), 1):
            if isinstance(row, InputError):
                raise InputError(f"solution {number} cannot be scored: {row.message}", hint=row.hint) from row
            rows.append(row)
        return rows

    def score_solution(
        self, problem: str, steps: Sequence[str], aggregation: Aggregation | None = None
    ) -> float:
        """One score for a solution, by the card's aggregation or another. Raises like `score`."""
        return aggregate(self.score(problem, steps), aggregation or self.card.aggregation)

    def score_each(self, solutions: Sequence[Solution]) -> list[list[float] | InputError]:
        """See `ForgivingScorer.score_each`."""
        found = self._talks.replies(
            solutions, [None] * len(solutions), goes_on=lambda reply: reply.odds is not None
        )
        return [
            row if isinstance(row, InputError) else _odds_of(row, len(steps))
            for row, (_, steps) in zip(found, solutions, strict=True)
        ]

    def submit(self, problem: str, steps: Sequence[str]) -> Future[list[float]]:
        """See `QueuedScorer.submit`; what is submitted is scored one after the other."""
        return self._thread.submit(lambda: self.score(problem, steps))

    def critiques(self, problem: str, steps: Sequence[str]) -> list[str]:
        """What the model writes about each step. Raises `InputError` if the conversation cannot be had."""
        (found,) = self._talks.replies([(problem, steps)], [None])
        if isinstance(found, InputError):
            raise found
        return [each.text for each in found]


class VerdictWriter(_Talking):
    """A scorer by written verdicts: the first step that a sample calls wrong, and the share of samples up to a step.

    Args:
        writer: Where the model runs.
        card: How its replies are read.
        samples: Conversations on each solution; one is greedy, several are drawn, each with a seed of its own.
    """

    def __init__(self, writer: ReplyWriter, card: PrmCard, samples: int) -> None:
        super().__init__(writer, card)
        self._samples = samples

    def verdicts_each(self, solutions: Sequence[Solution]) -> list[list[int | None] | InputError]:
        """Each sample's first wrong step from 0, -1 for none, `None` where a reply has no verdict; or why not.

        Raises:
            BackendError: The model is gone.
        """
        n = self._samples
        seeds = [None] if n == 1 else list(range(n))
        found = self._talks.replies(
            [each for each in solutions for _ in range(n)],
            [None if seed is None else _seed(each, seed) for each in solutions for seed in seeds],
            goes_on=lambda reply: reply.right is True,
        )
        rows: list[list[int | None] | InputError] = []
        for at, (_, steps) in enumerate(solutions):
            samples = found[at * n : at * n + n]
            error = next((each for each in samples if isinstance(each, InputError)), None)
            rows.append(
                error or [_first_wrong(each, len(steps)) for each in samples if isinstance(each, list)]
            )
        return rows

    def score_each(self, solutions: Sequence[Solution]) -> list[list[float] | InputError]:
        """The share of readable samples that call no step up to each one wrong. See `ForgivingScorer.score_each`."""
        rows: list[list[float] | InputError] = []
        for row, (_, steps) in zip(self.verdicts_each(solutions), solutions, strict=True):
            if isinstance(row, InputError):
                rows.append(row)
                continue
            said = [each for each in row if each is not None]
            rows.append(
                [sum(each < 0 or each > step for each in said) / len(said) for step in range(len(steps))]
                if said
                else InputError(f"none of {len(row)} samples has a verdict", hint="ask another model")
            )
        return rows

    def score_many(self, solutions: Iterable[Solution]) -> list[list[float]]:
        """See `StepScorer.score_many`. Raises `InputError` where a solution has no scores."""
        rows = []
        for row in self.score_each(list(solutions)):
            if isinstance(row, InputError):
                raise row
            rows.append(row)
        return rows

    def submit(self, problem: str, steps: Sequence[str]) -> Future[list[float]]:
        """See `QueuedScorer.submit`; what is submitted is scored one after the other."""
        return self._thread.submit(lambda: self.score_many([(problem, steps)])[0])


def _checked(steps: Sequence[str]) -> InputError | None:
    if not steps:
        return InputError("there is no step", hint="give at least one")
    if not all(step.strip() for step in steps):
        return InputError("a step is blank", hint="leave blank steps out")
    return None


def _without_end(step: str, separator: str) -> str:
    return step.removesuffix(separator).rstrip("\n")


def _odds_of(replies: Sequence[Reply], steps: int) -> list[float] | InputError:
    odds = [each.odds for each in replies if each.odds is not None]
    if len(odds) == steps:
        return odds
    wrong = next((each.odds for each in replies if each.odds is not None and not each.right), None)
    if wrong is not None:
        return odds + [wrong] * (steps - len(odds))
    if replies[-1].right is not None:
        return InputError(
            f"nothing says how likely the other verdict on step {len(replies)} is",
            hint="only one verdict is among the likeliest 20 tokens: train it longer, or use --shape critic",
        )
    said = replies[-1].text[-_SHOWN:]
    return InputError(
        f"the reply to step {len(replies)} has no verdict that can be read; it ends in {said!r}",
        hint="ask a model that was trained on such conversations, or let it write longer replies",
    )


def _first_wrong(replies: Sequence[Reply], steps: int) -> int | None:
    last = replies[-1].right
    if last is None:
        return None
    return len(replies) - 1 if not last else -1 if len(replies) == steps else None


def _drawn(seed: int | None, step: int) -> int | None:
    return (
        None if seed is None else int.from_bytes(text_digest(str(seed), str(step))[:4], "little") & _SEED_BITS
    )


def _seed(solution: Solution, sample: int) -> int:
    problem, steps = solution
    return int.from_bytes(text_digest(problem, *steps, str(sample))[:4], "little") & _SEED_BITS


def messages_of(card: PrmCard, problem: str, steps: Sequence[str], replies: Sequence[str]) -> list[Message]:
    """The conversation on steps, as the model is shown it."""
    return solution_messages(
        problem, [_without_end(step, card.separator) for step in steps], replies, card.template.system
    )
