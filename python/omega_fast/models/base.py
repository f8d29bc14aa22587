"""What a process reward model is to everyone who asks one, beside `records.StepScorer`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Protocol, runtime_checkable

from omega_fast.errors import InputError
from omega_fast.records import StepScorer

__all__ = ["ForgivingScorer", "ProcessRewardModel", "QueuedScorer", "Solution", "StepwiseScorer"]

Solution = tuple[str, Sequence[str]]
"""A problem and the steps of a solution, or of its beginning."""


@runtime_checkable
class ProcessRewardModel(StepScorer, Protocol):
    """A `StepScorer` that scores every step of a solution in one pass over the solution."""

    def score(self, problem: str, steps: Sequence[str]) -> list[float]:
        """A score in [0, 1] for each step, in order; higher is better.

        Raises:
            InputError: If there is no step, a step is blank, or the whole is too long.
        """
        ...


@runtime_checkable
class ForgivingScorer(StepScorer, Protocol):
    """A `StepScorer` that scores the others where one solution cannot be scored."""

    def score_each(self, solutions: Sequence[Solution]) -> list[list[float] | InputError]:
        """The scores of each solution, or why it has none, in the order of the argument.

        Raises:
            BackendError: Nothing can be scored.
        """
        ...


@runtime_checkable
class QueuedScorer(ForgivingScorer, Protocol):
    """A scorer with many solutions in flight, as a search wants one: what waits is scored in batches."""

    def submit(self, problem: str, steps: Sequence[str]) -> Future[list[float]]:
        """The scores of a solution, or of its beginning, once they are there; does not wait.

        The future raises `InputError` if this solution cannot be scored, and `BackendError` if nothing can be.
        """
        ...

    def counts(self) -> Mapping[str, int]:
        """What asking cost beside the answers."""
        ...

    def close(self) -> None:
        """Give up what is in flight and what scores. May be called twice."""
        ...


@runtime_checkable
class StepwiseScorer(QueuedScorer, Protocol):
    """A scorer that pays for every step by itself, so that steps whose scores are known need not be asked for."""

    def submit_step(self, problem: str, steps: Sequence[str]) -> Future[float]:
        """The score of the last of these steps. Fails as `submit` does."""
        ...
