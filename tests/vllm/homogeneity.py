"""Whether engines that were given the same questions label them alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["p_of_homogeneity"]

_SHUFFLES = 19_999


def p_of_homogeneity(counts: NDArray[np.float64]) -> float:
    """Level at which a rate is told to differ between engines, by a permutation test within questions.

    If the engines draw from one distribution, which of them gave which of a question's results is chance, however
    much the draws of a question are alike. So the spread of the engines' rates is held against its spread with the
    engines shuffled within every question, questions independently.

    Args:
        counts: [engines, questions, 2]: hits, and what they are hits of. A rate is all hits over all the rest.

    Returns:
        The share of shuffles that spread at least as far, this order among them: at least 1 / 20,000.
    """
    by_question = counts.transpose(1, 0, 2)
    orders = np.random.default_rng(0).random((_SHUFFLES, *by_question.shape[:2])).argsort(axis=-1)
    shuffled = np.take_along_axis(by_question[None], orders[..., None], axis=2)
    as_far = _spread(shuffled) >= _spread(by_question) * (1 - 1e-9)
    return (1 + int(as_far.sum())) / (1 + _SHUFFLES)


def _spread(by_question: NDArray[np.float64]) -> NDArray[np.float64]:
    """Variance between engines of their rates; [..., questions, engines, 2] -> [...]."""
    sums = by_question.sum(axis=-3)
    return np.asarray((sums[..., 0] / sums[..., 1]).var(axis=-1))
