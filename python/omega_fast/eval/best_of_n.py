"""Best-of-N: what choosing among N samples of a question is worth, from M >= N samples drawn once.

Every figure is the expectation over a subset of N of the M samples drawn without replacement, ties broken evenly:

* `pass_at_k`, `best_scored` and `majority` are exact sums of binomial coefficients;
* `weighted` is exact where there are at most `EXACT_SUBSETS` subsets, which are then all looked at; otherwise it is
  the mean over `draws` seeded subsets, and its variance is told. The sum of scores has no closed form.

Samples without an answer cannot be right: they do not vote, but they take their place among the N.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb
from statistics import fmean

__all__ = [
    "EXACT_SUBSETS",
    "Samples",
    "Subsets",
    "best_scored",
    "majority",
    "pass_at_k",
    "subsets_of",
    "weighted",
]

EXACT_SUBSETS = 2500
_DRAWS = 200


@dataclass(frozen=True, slots=True)
class Samples:
    """The samples of one question.

    Attributes:
        answers: The class of each sample's answer: equal answers have equal numbers; `None` is no answer.
        correct: Whether each sample's answer is right. Right answers are one class.
    """

    answers: tuple[int | None, ...]
    correct: tuple[bool, ...]

    def __post_init__(self) -> None:
        assert len(self.answers) == len(self.correct), "an answer and a verdict for each sample"
        right = {answer for answer, is_right in zip(self.answers, self.correct, strict=True) if is_right}
        wrong = {answer for answer, is_right in zip(self.answers, self.correct, strict=True) if not is_right}
        assert len(right) <= 1, "right answers are one class"
        assert not right & wrong, "an answer is right or wrong"
        assert None not in right, "no answer is not right"

    @property
    def right_class(self) -> int | None:
        """The class of right answers; `None` if no sample has one."""
        return next((answer for answer, right in zip(self.answers, self.correct, strict=True) if right), None)


def pass_at_k(n: int, c: int, k: int) -> float:
    """The probability that one of k of n samples is right, c being right: 1 - C(n-c, k) / C(n, k) (arXiv 2107.03374).

    >>> pass_at_k(4, 1, 2)
    0.5
    """
    return 1 - comb(n - c, k) / comb(n, k)


def best_scored(scores: Sequence[float], correct: Sequence[bool], n: int) -> float:
    """The probability that the sample with the highest score among n of the samples is right.

    Samples of equal score share their chance. With `below` samples under a group of g, the best is in the group
    with probability (C(below + g, n) - C(below, n)) / C(M, n).

    >>> best_scored([0.9, 0.5, 0.1], [True, False, False], 2)
    0.6666666666666666
    """
    groups: dict[float, list[bool]] = {}
    for score, right in sorted(zip(scores, correct, strict=True)):
        groups.setdefault(score, []).append(right)
    value, below = 0.0, 0
    for group in groups.values():
        subsets = comb(below + len(group), n) - comb(below, n)
        value += subsets * sum(group) / len(group)
        below += len(group)
    return value / comb(below, n)


def majority(samples: Samples, n: int) -> float:
    """The probability that the most frequent answer among n of the samples is right.

    The right answer comes m times and t others come as often, none more often: the sum over m and t of
    the subsets that do so, divided by 1 + t. Classes smaller than m cannot stand in the way, so only the others
    are followed one by one, as polynomials in the number of samples taken.

    >>> majority(Samples((0, 0, 1), (True, True, False)), 1)
    0.6666666666666666
    """
    right = samples.right_class
    counts = Counter(answer for answer in samples.answers if answer is not None)
    n_right = counts.pop(right, 0) if right is not None else 0
    value = 0.0
    for m in range(1, min(n_right, n) + 1):
        rivals = [count for count in counts.values() if count >= m]
        free = len(samples.answers) - n_right - sum(rivals)
        ways = [[comb(free, taken) for taken in range(n - m + 1)]]
        for count in rivals:
            ways = _with_rival(ways, count, m)
        value += comb(n_right, m) * sum(row[n - m] / (1 + ties) for ties, row in enumerate(ways))
    return value / comb(len(samples.answers), n)


def _with_rival(ways: list[list[int]], count: int, m: int) -> list[list[int]]:
    """`ways[ties][taken]` with one more class of `count` samples, of which at most m are taken; m is a tie."""
    size = len(ways[0])
    extended = [[0] * size for _ in range(min(len(ways), (size - 1) // m) + 1)]
    for ties, row in enumerate(ways):
        for taken, number in enumerate(row):
            if number:
                for more in range(min(m, size - 1 - taken) + 1):
                    extended[ties + (more == m)][taken + more] += number * comb(count, more)
    return extended


@dataclass(frozen=True, slots=True)
class Subsets:
    """Subsets of samples over which a figure is averaged; `exact` if they are all there are of their size."""

    indices: Sequence[Sequence[int]]
    exact: bool


def subsets_of(m: int, n: int, *, seed: str, draws: int = _DRAWS) -> Subsets:
    """All subsets of n of m samples if they are at most `EXACT_SUBSETS`, else `draws` of them, drawn by `seed`."""
    if comb(m, n) <= EXACT_SUBSETS:
        return Subsets(list(combinations(range(m), n)), True)
    rng = random.Random(seed)  # noqa: S311 - reproducible, not secret
    return Subsets([sorted(rng.sample(range(m), n)) for _ in range(draws)], False)


def weighted(samples: Samples, scores: Sequence[float], subsets: Subsets) -> tuple[float, float]:
    """The probability that the answer with the largest sum of scores is right, and that figure's variance.

    Answers of equal sum share their chance; a sample of score -inf does not vote. The variance is of the mean over
    drawn subsets; 0 if they are exact.
    """
    right = samples.right_class
    values: list[float] = []
    for subset in subsets.indices:
        sums: dict[int, float] = {}
        for index in subset:
            answer = samples.answers[index]
            if answer is not None and scores[index] > float("-inf"):
                sums[answer] = sums.get(answer, 0.0) + scores[index]
        highest = max(sums.values(), default=None)
        best = [answer for answer, total in sums.items() if total == highest]
        values.append((right in best) / len(best) if best else 0.0)
    mean = fmean(values)
    variance = 0.0 if subsets.exact else fmean((v - mean) ** 2 for v in values) / max(1, len(values) - 1)
    return mean, variance
