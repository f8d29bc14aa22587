"""What a training set consists of: how many of what, how balanced, what was left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from omega_fast.train.data.duplicates import Duplicates
from omega_fast.train.data.example import Example, Labels, values_of
from omega_fast.train.data.faults import Faults

__all__ = ["DataReport", "SplitReport", "report_of"]

_HALF = 0.5


@dataclass(frozen=True, slots=True)
class SplitReport:
    """One part of the data.

    Attributes:
        questions: Different questions.
        solutions: Solutions.
        steps: Their steps.
        labelled: Steps with a label of the kind that is trained on.
        right: Labelled steps whose value is above .5.
        wrong: The other labelled steps.
        mean_value: Mean of the labels; `None` without any.
    """

    questions: int
    solutions: int
    steps: int
    labelled: int
    right: int
    wrong: int
    mean_value: float | None


@dataclass(frozen=True, slots=True)
class DataReport:
    """The data of a training.

    Attributes:
        train: What is learnt from.
        held_out: What is not.
        duplicates: Solutions that came twice.
        faults: Rows that could not be used, by kind.
        named: The first of these in words.
    """

    train: SplitReport
    held_out: SplitReport
    duplicates: Duplicates
    faults: Mapping[str, int]
    named: tuple[str, ...]

    @property
    def unusable(self) -> int:
        """Rows that could not be used."""
        return sum(self.faults.values())

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON values."""
        return {**asdict(self), "faults": dict(self.faults), "named": list(self.named)}


def report_of(
    train: Sequence[Example],
    held: Sequence[Example],
    *,
    duplicates: Duplicates,
    faults: Faults,
    labels: Labels,
    threshold: float | None,
) -> DataReport:
    """The report on examples that were kept, and on what was not."""
    parts = (_split(each, labels, threshold) for each in (train, held))
    return DataReport(next(parts), next(parts), duplicates, dict(faults.counts), tuple(faults.named))


def _split(examples: Sequence[Example], labels: Labels, threshold: float | None) -> SplitReport:
    values = [value for each in examples for value in values_of(each, labels, threshold) if value is not None]
    right = sum(value > _HALF for value in values)
    return SplitReport(
        questions=len({each.solution.question for each in examples}),
        solutions=len(examples),
        steps=sum(len(each.solution.steps) for each in examples),
        labelled=len(values),
        right=right,
        wrong=len(values) - right,
        mean_value=sum(values) / len(values) if values else None,
    )
