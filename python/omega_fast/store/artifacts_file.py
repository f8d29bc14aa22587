"""The file of a run's artifacts as its readers see it: one JSON object a line, in the order of the questions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from omega_fast.errors import StoreError
from omega_fast.store.artifacts import Artifacts

__all__ = ["artifacts_path", "read_artifacts"]


def artifacts_path(run: Path) -> Path:
    """Where a run keeps the artifacts of its finished questions, one JSON object a line."""
    return run / "artifacts.jsonl"


def read_artifacts(run: Path) -> Iterator[Artifacts]:
    """Yield the artifacts of a run's finished questions, in the order of the questions.

    Raises:
        StoreError: If the run has none yet.
    """
    path = artifacts_path(run)
    if not path.is_file():
        raise StoreError(f"{path} is missing", hint="run `omega replay` to make it from the log")
    with path.open("rb") as lines:
        for line in lines:
            yield Artifacts.from_json(line)
