"""What scorers with many solutions in flight have in common: waiting for all, with what cannot be scored told apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import suppress
from threading import Lock
from typing import Any, TypeVar

from omega_fast.errors import BackendError, InputError
from omega_fast.models.base import ForgivingScorer, Solution
from omega_fast.records import StepScorer

__all__ = ["Queued", "all_of", "done", "each_of", "failed", "joined", "looked_at", "outcomes"]

_T = TypeVar("_T")
_U = TypeVar("_U")


class Queued:
    """Makes a `QueuedScorer` of a class that has `submit`, `counts` and `close`."""

    def submit(self, problem: str, steps: Sequence[str]) -> Future[list[float]]:
        """See `QueuedScorer.submit`."""
        raise NotImplementedError

    def score_each(self, solutions: Sequence[Solution]) -> list[list[float] | InputError]:
        """See `ForgivingScorer.score_each`."""
        return each_of([self.submit(*solution) for solution in solutions])

    def score_many(self, solutions: Sequence[Solution]) -> list[list[float]]:
        """See `StepScorer.score_many`."""
        return all_of(self.score_each(solutions))


def outcomes(scorer: StepScorer, solutions: Sequence[Solution]) -> Sequence[list[float] | InputError]:
    """What a scorer says of each solution, looked at: one number in [0, 1] a step.

    Raises:
        InputError: A scorer that does not tell solutions apart cannot score one of them.
        BackendError: It says something else.
    """
    if isinstance(scorer, ForgivingScorer):
        return looked_at(solutions, scorer.score_each(solutions))
    return looked_at(solutions, scorer.score_many(solutions))


def looked_at(
    solutions: Sequence[Solution], rows: Sequence[list[float] | InputError]
) -> Sequence[list[float] | InputError]:
    """The rows. Raises `BackendError` if they are not one a solution, with a number in [0, 1] for each step."""
    if len(rows) != len(solutions):
        raise BackendError(
            f"the scorer returned {len(rows)} rows for {len(solutions)} solutions", hint="mend the scorer"
        )
    for (problem, steps), row in zip(solutions, rows, strict=True):
        if isinstance(row, InputError):
            continue
        if len(row) != len(steps) or not all(0 <= each <= 1 for each in row):
            raise BackendError(
                f"the scorer returned {list(row)[:8]} for {len(steps)} steps of {problem[:60]!r}",
                hint="it has to give each step a number in [0, 1]",
            )
    return rows


def each_of(futures: Sequence[Future[_T]]) -> list[_T | InputError]:
    """What came of each, waited for; where it is an `InputError` that. Any other error cancels all and is raised."""
    found: list[_T | InputError] = []
    try:
        for future in futures:
            try:
                found.append(future.result())
            except InputError as error:
                found.append(error)
    except BaseException:
        for future in futures:
            future.cancel()
        raise
    return found


def joined(futures: Sequence[Future[_T]], combine: Callable[[list[_T]], _U]) -> Future[_U]:
    """What becomes of the results of all, once they are there; the first error that there is. To cancel cancels all."""
    whole: Future[_U] = Future()
    lock, left = Lock(), [len(futures) or 1]

    def count(_: Future[Any] | None) -> None:
        with lock:
            left[0] -= 1
            if left[0]:
                return
        # It may be cancelled at any moment
        with suppress(InvalidStateError):
            try:
                whole.set_result(combine([each.result() for each in futures]))
            except CancelledError:
                whole.cancel()
            except InvalidStateError:
                raise
            except Exception as error:  # whatever it is, whoever waits must hear of it
                whole.set_exception(error)

    def drop(done: Future[_U]) -> None:
        if done.cancelled():
            for each in futures:
                each.cancel()

    whole.add_done_callback(drop)
    for each in futures:
        each.add_done_callback(count)
    if not futures:
        count(None)
    return whole


def all_of(found: Iterable[_T | InputError]) -> list[_T]:
    """The same without errors. Raises the first `InputError` there is."""
    kept: list[_T] = []
    for each in found:
        if isinstance(each, InputError):
            raise each
        kept.append(each)
    return kept


def done(scores: list[float]) -> Future[list[float]]:
    """A future that holds scores."""
    future: Future[list[float]] = Future()
    future.set_result(scores)
    return future


def failed(error: InputError) -> Future[list[float]]:
    """A future that raises an error."""
    future: Future[list[float]] = Future()
    future.set_exception(error)
    return future
