"""What the jobs that make training data report. Plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from omega_fast.summary import RunSummary

__all__ = ["AugmentSummary", "SeedSummary"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedSummary:
    """A seed set, and the run it was drawn in.

    Attributes:
        run: The run.
        path: The seed set.
        questions: Questions in it: those with any solution that is kept.
        right: Right solutions in it.
        wrong: Wrong ones.
        repeated: Solutions left out since the same text had come before.
        unfinished: Solutions left out since they met the token limit: that is no error of theirs.
        unjudged: Solutions left out since the checker could not judge them, or since they are blank.
        without_right: Questions without a right solution.
        without_wrong: Questions without a wrong one: no search for an error can start there.
        named: The first few of these.
        unscored: Solutions that the scorer could not score; they come after all others.
    """

    run: RunSummary
    path: Path
    questions: int
    right: int
    wrong: int
    repeated: int
    unfinished: int
    unjudged: int
    without_right: int
    without_wrong: int
    named: tuple[str, ...]
    unscored: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON values."""
        own = {name: getattr(self, name) for name in self.__slots__ if name not in ("run", "path", "named")}
        return {"path": str(self.path), **own, "named": list(self.named), "run": self.run.to_dict()}


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentSummary:
    """A three-column set made from a run's kept rollouts.

    Attributes:
        rows: Rows by file.
        questions: Finished questions that were read.
        admitted: Questions of the run.
        rollouts: Rollouts that were used.
        left_out: Rollouts that were not: unjudged, excluded by the run's settings, or supplied with the question.
        states: Rows that are states the search labelled; their values are the search's.
        added: Rows that are new; their values are their groups'.
        groups: Groups of similar steps.
        merged: Groups with more than one text.
        all_right: Groups with a value of 1.
        all_wrong: Groups with a value of 0.
        mixed: Groups with a value in between.
        thin: Steps without a label of their own in groups of too few rollouts: they make no row.
        disputed: Rows left out since no solution they stand in was agreed on.
        consensus: How often the judge agreed; `None` without a judge.
    """

    rows: Mapping[str, int]
    questions: int
    admitted: int
    rollouts: int
    left_out: int
    states: int
    added: int
    groups: int
    merged: int
    all_right: int
    all_wrong: int
    mixed: int
    thin: int
    disputed: int = 0
    consensus: Mapping[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON values."""
        return asdict(self)
