"""Continuations of one question laid over one another: similar steps at equal position become one group."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rapidfuzz.fuzz import ratio

__all__ = ["Draw", "StepGroup", "result_of", "similar_groups", "similarity", "step_groups"]

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_PERCENT = 100.0


@dataclass(frozen=True, slots=True)
class Draw:
    """A whole solution of which the policy wrote the end.

    Attributes:
        steps: All steps; those of the prefix first.
        launched: How many of them stood there when the policy went on.
        right: Whether its final answer is right.
    """

    steps: tuple[str, ...]
    launched: int
    right: bool


@dataclass(frozen=True, slots=True)
class StepGroup:
    """Similar steps with the same result, after similar steps.

    Attributes:
        texts: Each different text in it: what stands before the step, and the step.
        right: Right continuations, of those launched before the step or right after it.
        judged: All of these. Those launched later tell nothing of the step: where they begin was chosen.
    """

    texts: tuple[tuple[str, str], ...]
    right: int
    judged: int

    @property
    def value(self) -> float | None:
        """1 if all are right, 0 if all are wrong, else the share that is (MC); `None` if there are none."""
        return self.right / self.judged if self.judged else None


def similarity(one: str, other: str) -> float:
    """How similar two steps are, in [0, 1]: 2 L / (m + n), blanks around them left out.

    L is the length of their longest common subsequence of characters, m and n are their lengths (the `ratio` of
    rapidfuzz; 1 less the normalised indel distance).

    >>> round(similarity("3 + 4 = 7", "4 + 3 = 7"), 3)
    0.778
    """
    return float(ratio(one.strip(), other.strip())) / _PERCENT


def result_of(step: str) -> str:
    """What a step arrives at: the numbers behind its last `=`, or what stands there; without one, all its numbers.

    >>> result_of("so 3 + 4 = 7."), result_of("answer 6 9"), result_of("2 + 2 = x")
    ('7', '6 9', 'x')
    """
    before, equals, after = step.rpartition("=")
    del before
    numbers = " ".join(number.replace(",", "") for number in _NUMBER.findall(after))
    return numbers or ("".join(after.split()).casefold() if equals else "")


def similar_groups(texts: Mapping[str, int], threshold: float) -> list[list[str]]:
    """Steps in groups, those with most occurrences first, ties by text.

    A step joins the group whose first member it is most similar to, if that has the same result and the similarity
    is at least the threshold; otherwise it begins one. So the order in which steps came makes no difference.

    Args:
        texts: Each step with how often it occurs.
        threshold: In [0, 1].
    """
    groups: list[list[str]] = []
    with_result: dict[str, list[list[str]]] = {}
    for text in sorted(texts, key=lambda it: (-texts[it], it)):
        alike = with_result.setdefault(result_of(text), [])
        best = max(alike, key=lambda group: similarity(group[0], text), default=None)
        if best is not None and similarity(best[0], text) >= threshold:
            best.append(text)
        else:
            alike.append([text])
            groups.append(alike[-1])
    return groups


def step_groups(draws: Sequence[Draw], threshold: float) -> Iterator[StepGroup]:
    """The groups of all positions, each before those that follow it."""
    waiting: list[tuple[int, list[int]]] = [(0, list(range(len(draws))))]
    prefixes = [""] * len(draws)
    while waiting:
        depth, members = waiting.pop()
        here: dict[str, list[int]] = {}
        for member in members:
            if depth < len(draws[member].steps):
                here.setdefault(draws[member].steps[depth], []).append(member)
        following = []
        for group in similar_groups(Counter({text: len(some) for text, some in here.items()}), threshold):
            inside = [member for text in group for member in here[text]]
            counted = [member for member in inside if draws[member].launched <= depth + 1]
            texts = dict.fromkeys((prefixes[member], draws[member].steps[depth]) for member in inside)
            yield StepGroup(tuple(texts), sum(draws[member].right for member in counted), len(counted))
            for member in inside:
                prefixes[member] += draws[member].steps[depth]
            following.append((depth + 1, inside))
        waiting.extend(reversed(following))
