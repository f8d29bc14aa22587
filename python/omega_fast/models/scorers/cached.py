"""A scorer that asks another one only for what it has not been told yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial

from omega_fast.errors import InputError
from omega_fast.models.base import QueuedScorer, Solution, StepwiseScorer
from omega_fast.models.scorers.queued import (
    Queued,
    all_of,
    done,
    each_of,
    failed,
    joined,
    looked_at,
    outcomes,
)
from omega_fast.models.scorers.step_memory import StepMemory
from omega_fast.records import StepScorer

__all__ = ["CachedScorer"]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A solution among others, and what its steps are kept under."""

    at: int
    solution: Solution
    keys: tuple[bytes, ...]


class CachedScorer(Queued):
    """A `QueuedScorer` around any scorer; a solution whose steps are all known costs nothing.

    Of solutions that are asked for together and begin alike, only those that no other one begins with are scored.

    Args:
        scorer: The scorer.
        memory: What is known of this very model.
    """

    def __init__(self, scorer: StepScorer, memory: StepMemory) -> None:
        self._scorer = scorer
        self._memory = memory
        self._solutions = 0
        self._scored = 0

    def score_each(self, solutions: Sequence[Solution]) -> list[list[float] | InputError]:
        """See `ForgivingScorer.score_each`. Raises `InputError` where the scorer does not tell solutions apart."""
        self._solutions += len(solutions)
        found: dict[int, list[float] | InputError] = {}
        told: dict[bytes, float] = {}  # what is known of these, whatever the memory has room for
        waiting = [_Wanted(at, each, tuple(self._memory.keys(*each))) for at, each in enumerate(solutions)]
        for each in waiting:
            told |= zip(each.keys, self._memory.known(each.keys), strict=False)
        while True:
            for each in waiting:
                if each.keys and all(key in told for key in each.keys):
                    found[each.at] = [told[key] for key in each.keys]
            waiting = [each for each in waiting if each.at not in found]
            if not waiting:
                return [found[at] for at in range(len(solutions))]
            asked = _longest(waiting)
            self._scored += len(asked)
            for each, row in zip(asked, self._ask(asked, told), strict=True):
                if isinstance(row, InputError):
                    found[each.at] = row
                else:
                    found[each.at] = row
                    told |= zip(each.keys, row, strict=True)
                    self._memory.keep(each.keys, row)

    def submit(self, problem: str, steps: Sequence[str]) -> Future[list[float]]:
        """See `QueuedScorer.submit`. A scorer that cannot queue is waited for."""
        if not isinstance(self._scorer, QueuedScorer):
            (row,) = self.score_each([(problem, steps)])
            return failed(row) if isinstance(row, InputError) else done(row)
        self._solutions += 1
        keys = self._memory.keys(problem, steps)
        known = self._memory.known(keys)
        if keys and len(known) == len(keys):
            return done(known)
        self._scored += 1
        if isinstance(self._scorer, StepwiseScorer):
            ends = range(len(known) + 1, len(steps) + 1)
            asked = [self._scorer.submit_step(problem, steps[:end]) for end in ends]
            future = joined(asked, lambda found: [*known, *found])
        else:
            future = self._scorer.submit(problem, steps)
        future.add_done_callback(partial(self._remember, keys))
        return future

    def counts(self) -> Mapping[str, int]:
        """Solutions that were asked for, those that were scored for it, and what the scorer counts."""
        own = {"solutions": self._solutions, "scored": self._scored}
        return {**own, **self._scorer.counts()} if isinstance(self._scorer, QueuedScorer) else own

    def close(self) -> None:
        """Close the scorer, if it can be closed."""
        if isinstance(self._scorer, QueuedScorer):
            self._scorer.close()

    def _ask(
        self, asked: Sequence[_Wanted], told: Mapping[bytes, float]
    ) -> Sequence[list[float] | InputError]:
        solutions = [each.solution for each in asked]
        if not isinstance(self._scorer, StepwiseScorer):
            return outcomes(self._scorer, solutions)
        futures: dict[bytes, Future[float]] = {}
        for each in asked:
            problem, steps = each.solution
            for end, key in enumerate(each.keys, 1):
                if key not in told and key not in futures:
                    futures[key] = self._scorer.submit_step(problem, steps[:end])
        answers: list[float | InputError] = each_of(list(futures.values()))
        found = {**told, **dict(zip(futures, answers, strict=True))}
        return looked_at(solutions, [_row([found[key] for key in each.keys]) for each in asked])

    def _remember(self, keys: Sequence[bytes], future: Future[list[float]]) -> None:
        if not future.cancelled() and future.exception() is None:
            self._memory.keep(keys, future.result())


def _longest(waiting: Sequence[_Wanted]) -> list[_Wanted]:
    """Those that no other one begins with, each once; in their order."""
    asked, covered = [], set[bytes]()
    for each in sorted(waiting, key=lambda one: -len(one.keys)):
        if not each.keys or each.keys[-1] not in covered:
            asked.append(each)
            covered.update(each.keys)
    return sorted(asked, key=lambda one: one.at)


def _row(steps: Sequence[float | InputError]) -> list[float] | InputError:
    """The scores of all steps, or why one has none."""
    try:
        return all_of(steps)
    except InputError as error:
        return error
