"""What a process reward model is to everyone who asks one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, runtime_checkable

__all__ = ["ProcessRewardModel", "Solution"]

Solution = tuple[str, Sequence[str]]
"""A problem and the steps of a solution, or of its beginning."""


@runtime_checkable
class ProcessRewardModel(Protocol):
    """Scores every step of a solution in one pass over the solution."""

    def score(self, problem: str, steps: Sequence[str]) -> list[float]:
        """A score in [0, 1] for each step, in order; higher is better.

        Raises:
            InputError: If there is no step, a step is blank, or the whole is too long.
        """
        ...

    def score_many(self, solutions: Iterable[Solution]) -> list[list[float]]:
        """The scores of each solution, in the order of the argument. Raises like `score`."""
        ...
