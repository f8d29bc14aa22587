"""A scorer behind a queue: batches in a thread of its own, every answer looked at before anything rests on it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from omega_fast.errors import BackendError, InputError, OmegaError
from omega_fast.models.base import ForgivingScorer
from omega_fast.records import StepScorer
from omega_fast.search.guided.plan import Score

__all__ = ["ScoringCounts", "ScoringThread"]

_DECIMALS = 6
"""Scores are kept to so many, so that a batch's float noise rarely tells equals apart."""

Asked = tuple[str, Sequence[str]]


@dataclass(slots=True)
class ScoringCounts:
    """What was asked of the scorer: calls, solutions in them, and those that it gave no usable scores for.

    `low` and `high` are the lowest and the highest score of a step.
    """

    calls: int = 0
    solutions: int = 0
    unusable: int = 0
    low: float = math.inf
    high: float = -math.inf


class ScoringThread:
    """Scores batches, one at a time, while the engine goes on.

    A row that is not one number in [0, 1] a step is no score, and the reason is kept; a solution that the scorer
    refuses with `InputError` is tried alone, unless the scorer tells of each solution by itself.

    Args:
        scorer: The process reward model.
    """

    def __init__(self, scorer: StepScorer) -> None:
        self.counts = ScoringCounts()
        self._scorer = scorer
        self._pool = ThreadPoolExecutor(1, "scorer")
        self._running: Future[list[Score]] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a batch is being scored."""
        return self._running is not None

    def submit(self, batch: Sequence[Asked]) -> None:
        """Begin with a batch; only one at a time."""
        assert self._running is None, "one batch at a time"
        self._running = self._pool.submit(self._score, list(batch))

    def poll(self, timeout: float) -> list[Score] | None:
        """The scores of the batch once they are there, after at most `timeout` seconds.

        Raises `BackendError` if the scorer failed.
        """
        if self._running is None:
            return None
        wait([self._running], timeout)
        if not self._running.done():
            return None
        running, self._running = self._running, None
        return running.result()

    def close(self) -> None:
        """Let go of the thread; a batch that is being scored is waited for."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _score(self, batch: list[Asked]) -> list[Score]:
        self.counts.calls += 1
        try:
            rows = (
                self._scorer.score_each(batch)
                if isinstance(self._scorer, ForgivingScorer)
                else self._scorer.score_many(batch)
            )
        except InputError as error:
            if len(batch) == 1:
                return self._counted([Score(None, error.message)])
            half = len(batch) // 2
            return [*self._score(batch[:half]), *self._score(batch[half:])]
        except OmegaError:
            raise
        except Exception as error:  # whatever a scorer of one's own raises
            raise BackendError(
                f"the scorer failed: {type(error).__name__}: {error}",
                hint="mend it, then run the same command again: it resumes",
            ) from error
        if not isinstance(rows, Sequence) or len(rows) != len(batch):
            found = len(rows) if isinstance(rows, Sequence) else type(rows).__name__
            return self._counted(
                [Score(None, f"the scorer gave {found} rows for {len(batch)} solutions")] * len(batch)
            )
        return self._counted(
            [_looked_at(row, len(steps)) for row, (_, steps) in zip(rows, batch, strict=True)]
        )

    def _counted(self, scores: list[Score]) -> list[Score]:
        self.counts.solutions += len(scores)
        numbers = [number for score in scores for number in score.values or ()]
        self.counts.low = min([self.counts.low, *numbers])
        self.counts.high = max([self.counts.high, *numbers])
        self.counts.unusable += sum(score.values is None for score in scores)
        return scores


def _looked_at(row: object, steps: int) -> Score:
    if isinstance(row, InputError):
        return Score(None, row.message)
    try:
        numbers = [float(each) for each in row]  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        return Score(None, f"the scorer gave {type(row).__name__} for {steps} steps")
    if len(numbers) != steps:
        return Score(None, f"the scorer gave {len(numbers)} scores for {steps} steps")
    for number in numbers:
        if math.isnan(number) or not 0 <= number <= 1:
            return Score(None, f"the scorer gave {number}, which is not between 0 and 1")
    return Score(tuple(round(number, _DECIMALS) for number in numbers))
