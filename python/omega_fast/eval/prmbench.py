"""PRMBench: are the wrong steps told from the right ones, by kind of error (arXiv 2501.03124).

PRMScore = .5 F1 + .5 F1_neg over all step labels, "right" being the positive of F1 and "wrong" that of F1_neg. As in
the published evaluation, the class `multi_solutions`, which has right steps alone, is scored by F1 alone, and an F1
without anything to count is 0. A scorer that has an opinion on redundancy is judged by that, inverted (not redundant
is right), where the error is one: `redundency` and `circular`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["CLASSES", "REDUNDANT", "REDUNDANT_FROM", "Confusion", "by_class", "confusion", "right_steps"]

CLASSES: Mapping[str, str] = {
    "redundency": "redundancy",
    "circular": "circular logic",
    "counterfactual": "empirical soundness",
    "step_contradiction": "step consistency",
    "domain_inconsistency": "domain consistency",
    "confidence": "confidence invariance",
    "missing_condition": "prerequisite sensitivity",
    "deception": "deception resistance",
    "multi_solutions": "multi-solution consistency",
}
"""The nine published classes as their rows spell them, each with what it tests."""

REDUNDANT = frozenset({"redundency", "circular"})
"""The classes whose wrong steps are those that say nothing new."""

REDUNDANT_FROM = 0.15
"""The published threshold of a redundancy score: a step above it is redundant."""

_RIGHT_ONLY = "multi_solutions"


@dataclass(frozen=True, slots=True)
class Confusion:
    """Steps counted by what they are and what they were taken for; a right step is a positive."""

    tp: int = 0
    fp: int = 0
    tn: int = 0
    fn: int = 0

    def __add__(self, other: Confusion) -> Confusion:
        return Confusion(self.tp + other.tp, self.fp + other.fp, self.tn + other.tn, self.fn + other.fn)

    @property
    def f1(self) -> float:
        """F1 of the right steps; 0 where there is nothing to count."""
        return 2 * self.tp / total if (total := 2 * self.tp + self.fp + self.fn) else 0.0

    @property
    def f1_neg(self) -> float:
        """F1 of the wrong steps; 0 where there is nothing to count."""
        return 2 * self.tn / total if (total := 2 * self.tn + self.fp + self.fn) else 0.0

    @property
    def prm_score(self) -> float:
        """Half of each F1."""
        return 0.5 * self.f1 + 0.5 * self.f1_neg

    def to_dict(self, classification: str = "") -> dict[str, Any]:
        """The score as it is published for a class, both F1 and the counts as JSON values."""
        score = self.f1 if classification == _RIGHT_ONLY else self.prm_score
        counts = {"tp": self.tp, "fp": self.fp, "tn": self.tn, "fn": self.fn}
        return {"prm_score": score, "f1": self.f1, "f1_neg": self.f1_neg, **counts}


def confusion(error_steps: Iterable[int], taken_for_right: Sequence[bool]) -> Confusion:
    """The steps of one row, counted.

    Args:
        error_steps: The wrong steps, from 1.
        taken_for_right: For each step, whether it was.

    >>> confusion([2], [True, True, False])
    Confusion(tp=1, fp=1, tn=0, fn=1)
    """
    wrong = set(error_steps)
    pairs = [(step not in wrong, said) for step, said in enumerate(taken_for_right, 1)]
    return Confusion(
        tp=pairs.count((True, True)),
        fp=pairs.count((False, True)),
        tn=pairs.count((False, False)),
        fn=pairs.count((True, False)),
    )


def right_steps(
    classification: str,
    scores: Sequence[float],
    threshold: float,
    redundancy: Sequence[float] | None = None,
    redundant_from: float = REDUNDANT_FROM,
) -> list[bool]:
    """For each step, whether it is taken for right: its score is above `threshold`.

    Args:
        classification: The row's class.
        scores: The probability that each step is right.
        threshold: As published .5.
        redundancy: The probability that each step is redundant, of a scorer that has one.
        redundant_from: Where that begins to count.
    """
    if redundancy is not None and classification in REDUNDANT:
        return [not score > redundant_from for score in redundancy]
    return [score > threshold for score in scores]


def by_class(rows: Iterable[tuple[str, Confusion]]) -> tuple[dict[str, Confusion], Confusion]:
    """The counts of each class, the published ones first and in their order, and of all rows together."""
    counted: dict[str, Confusion] = {}
    for classification, counts in rows:
        counted[classification] = counted.get(classification, Confusion()) + counts
    order = [*(name for name in CLASSES if name in counted), *sorted(counted.keys() - CLASSES.keys())]
    total = sum(counted.values(), Confusion())
    return {name: counted[name] for name in order}, total
