"""The task's own truth as a step scorer: what a perfect process reward model would say."""

from __future__ import annotations

from collections.abc import Sequence

from omega_fast.tasks.ledger.truth import first_error

__all__ = ["ExactScorer", "exact_scorer"]


class ExactScorer:
    """Scores a step 1 if it and all steps before it are right, else 0; a `StepScorer`."""

    def score_many(self, solutions: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
        """One score a step for each solution. Raises `InputError` if a problem is none of the task's."""
        return [_scores(problem, steps) for problem, steps in solutions]


def exact_scorer() -> ExactScorer:
    """The scorer that `--prm omega_fast.tasks.ledger.exact_scorer:exact_scorer` names."""
    return ExactScorer()


def _scores(problem: str, steps: Sequence[str]) -> list[float]:
    error = first_error(problem, steps)
    right = len(steps) if error == -1 else error
    return [float(at < right) for at in range(len(steps))]
