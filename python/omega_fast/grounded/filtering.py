"""The stage behind `omega grounded filter`: paths whose values say the same as their verdicts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from omega_fast.grounded.counts import StageCounts
from omega_fast.store.formats import GROUNDED_PATHS, GroundedPath
from omega_fast.store.formats.files import RowFault

__all__ = ["filter_paths"]


def filter_paths(source: Path, output: Path) -> StageCounts:
    """Write the consistent paths, `fixed_data.json`.

    A path is consistent if each of its steps, up to the first that is held wrong, has a verdict, and the sign of its
    value agrees with it. What follows a wrong step is cut away later, and is not looked at. Rows are kept whole.

    Raises:
        InputError: The paths cannot be read at all.
        StoreError: The output cannot be written.
    """
    counts = StageCounts(output)
    output.parent.mkdir(parents=True, exist_ok=True)

    def set_aside(fault: RowFault) -> None:
        counts.reject("the row cannot be read")
        del fault

    def rows() -> Iterator[GroundedPath]:
        for row in GROUNDED_PATHS.read(source, set_aside):
            if reason := _inconsistent(row):
                counts.reject(reason)
            else:
                counts.keep()
                wrong = row.solution.first_error is not None
                counts.noted["with a wrong step" if wrong else "all steps right"] += 1
                if row.solution.correct is not None and row.solution.correct == wrong:
                    counts.noted["outcome and steps disagree"] += 1
                yield row

    GROUNDED_PATHS.write_rows(output, rows())
    return counts


def _inconsistent(row: GroundedPath) -> str:
    """Why a path is not consistent; empty if it is."""
    hard = row.solution.hard
    if not hard:
        return "it has no steps"
    end = hard.index(False) + 1 if False in hard else len(hard)
    if None not in hard[:end]:
        return ""
    steps = list(row.record["steps"])
    step = steps[len(steps) - len(hard) + hard.index(None)]
    if not step.get("reflection"):
        return "a step was not judged"
    if step["step score"] == 0:
        return "a step's value is 0"
    return "a step's value denies its verdict"
