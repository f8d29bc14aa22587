"""Pairs of siblings: different next steps of one prefix, found across the solutions of a question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import combinations

from omega_fast.train.data.example import Example, Labels, values_of

__all__ = ["SiblingPair", "sibling_pairs"]


@dataclass(frozen=True, slots=True)
class SiblingPair:
    """Two beginnings of solutions that part at their last step.

    Attributes:
        question: The problem's text.
        first: Steps up to the one that is compared.
        second: The same with another last step.
        values: The value of either last step; they differ.
        weight: How much the pair counts: the mean of its solutions' weights.
    """

    question: str
    first: tuple[str, ...]
    second: tuple[str, ...]
    values: tuple[float, float]
    weight: float


def sibling_pairs(
    examples: Sequence[Example], labels: Labels, threshold: float | None = None, most: int = 8
) -> list[SiblingPair]:
    """All pairs of siblings whose values differ, at most `most` of one prefix.

    Where there are more, a hash of their texts chooses, so the choice depends on nothing else.
    """
    children: dict[tuple[str, tuple[str, ...]], dict[str, tuple[float, float]]] = {}
    for each in examples:
        steps = each.solution.steps
        for at, value in enumerate(values_of(each, labels, threshold)):
            if value is not None:
                siblings = children.setdefault((each.solution.question, steps[:at]), {})
                siblings.setdefault(steps[at], (value, each.weight))
    pairs = []
    for (question, prefix), siblings in children.items():
        found = [
            SiblingPair(
                question,
                (*prefix, one),
                (*prefix, other),
                (siblings[one][0], siblings[other][0]),
                (siblings[one][1] + siblings[other][1]) / 2,
            )
            for one, other in combinations(siblings, 2)
            if siblings[one][0] != siblings[other][0]
        ]
        pairs += sorted(found, key=_order)[:most] if len(found) > most else found
    return pairs


def _order(pair: SiblingPair) -> bytes:
    text = "\0".join((*pair.first, pair.second[-1]))
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
