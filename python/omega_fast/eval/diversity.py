"""How different the right solutions of a policy are, and how far it is from the distribution it was trained towards.

Accuracy alone rewards a policy that has learnt one solution by heart; these figures do not. Those over k of n samples
are exact expectations over the subsets of k of the n that were drawn, as `pass_at_k` is.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations

from rapidfuzz.distance import Levenshtein

from omega_fast.eval.best_of_n import pass_at_k

__all__ = [
    "REST",
    "coverage",
    "distinct_at_k",
    "entropy_per_step",
    "lumped",
    "mean_pairwise_distance",
    "tilted_target",
    "total_variation",
]

REST = "(all other texts)"
"""The one outcome that stands for every text that is no right solution."""

_SUM_ERROR = 1e-6


def distinct_at_k(counts: Sequence[int], n: int, k: int) -> float:
    """The expected number of different solutions among k of n samples: the sum of 1 - C(n-m, k) / C(n, k).

    Args:
        counts: How often each different solution that counts was drawn, m; they add up to at most n.
        n: Samples drawn, those that do not count among them.
        k: Samples looked at, at most n.

    >>> distinct_at_k([2, 1], 4, 1)
    0.75
    >>> distinct_at_k([2, 1], 4, 4)
    2.0
    """
    return sum((pass_at_k(n, count, k) for count in counts), 0.0)


def coverage(counts: Sequence[int], n: int, k: int, modes: int) -> float:
    """The expected share of all right solutions there are that k of n samples find.

    Args:
        counts: As `distinct_at_k` takes them, of solutions among the `modes`.
        n: The same.
        k: The same.
        modes: How many right solutions there are, at least 1.

    >>> coverage([2, 1], 4, 4, 8)
    0.25
    """
    return distinct_at_k(counts, n, k) / modes


def mean_pairwise_distance(texts: Sequence[str]) -> float | None:
    """The mean distance of two of the texts: words to change, put in or take out, over those of the longer text.

    By itself it says little of diversity: the same solution in other words is far from itself, and a policy is paid for
    re-wording. It belongs beside the number of different right solutions.

    Args:
        texts: As drawn, repetitions among them; two equal texts are at distance 0.

    Returns:
        From 0 to 1; `None` for fewer than two texts.

    >>> mean_pairwise_distance(["a b", "a b", "a c"])
    0.3333333333333333
    """
    if len(texts) < 2:
        return None
    words = {tuple(text.split()): number for text, number in Counter(texts).items()}
    total = sum(
        words[left] * words[right] * Levenshtein.normalized_distance(left, right)
        for left, right in combinations(words, 2)
    )
    return total / math.comb(len(texts), 2)


def entropy_per_step(log_probs: Sequence[float], steps: Sequence[int]) -> float | None:
    """What the policy leaves open at a step, in nats: minus the mean log-probability of samples over their mean steps.

    The mean over samples of -log p is an unbiased estimate of the entropy of whole solutions.

    Args:
        log_probs: Of each sample, its end included, under the distribution that it was drawn from.
        steps: Of each sample.

    >>> entropy_per_step([-1.0, -3.0], [2, 2])
    1.0
    """
    return -sum(log_probs) / sum(steps) if sum(steps) else None


def lumped(right: Mapping[str, float]) -> dict[str, float]:
    """A distribution over each right solution and `REST`, from the probabilities of the right solutions.

    Raises:
        ValueError: A probability is negative or no number, or they add up to more than 1.
    """
    _check(right)
    mass = math.fsum(right.values())
    if mass > 1 + _SUM_ERROR:
        raise ValueError(f"probabilities of single solutions add up to {mass:g}")
    return {**right, REST: max(0.0, 1.0 - mass)}


def tilted_target(reference: Mapping[str, float], beta: float) -> dict[str, float]:
    """pi_ref(y) exp(r(y) / beta) / Z where r is 1 for right solutions and 0 for all else; `REST` is all else at once.

    Args:
        reference: The reference's probability of each right solution.
        beta: The temperature of the reward, above 0.

    >>> target = tilted_target({"a": 0.1, "b": 0.3}, beta=1e9)
    >>> round(target["b"], 6), round(target[REST], 6)
    (0.3, 0.6)

    Raises:
        ValueError: As `lumped` says, or beta is not above 0, or nothing has any probability.
    """
    if not beta > 0:
        raise ValueError(f"beta {beta:g} is not above 0")
    whole = lumped(reference)
    # Scaled by exp(-1 / beta), so that small temperatures do not overflow
    weights = {y: p * (math.exp(-1 / beta) if y == REST else 1.0) for y, p in whole.items()}
    total = math.fsum(weights.values())
    if not total:
        raise ValueError("no solution has any probability")
    return {y: weight / total for y, weight in weights.items()}


def total_variation(p: Mapping[str, float], q: Mapping[str, float]) -> float:
    """Half the sum of |p - q| over all outcomes: 0 for equal distributions, 1 for disjoint ones.

    Over lumped outcomes it is at most what it is over single ones.

    >>> total_variation({"a": 0.5, "b": 0.5}, {"a": 1.0})
    0.5

    Raises:
        ValueError: One of them is no distribution.
    """
    for each in (p, q):
        _check(each)
        if abs(math.fsum(each.values()) - 1) > _SUM_ERROR:
            raise ValueError(f"probabilities add up to {math.fsum(each.values()):g}, not to 1")
    return math.fsum(abs(p.get(y, 0.0) - q.get(y, 0.0)) for y in {*p, *q}) / 2


def _check(probabilities: Mapping[str, float]) -> None:
    wrong = next((p for p in probabilities.values() if not 0 <= p <= 1 + _SUM_ERROR), None)
    if wrong is not None:
        raise ValueError(f"{wrong} is no probability")
