"""The state of a training on disk: what it is of, and the last checkpoint that was written whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omega_fast.errors import RunConflictError
from omega_fast.store.files import LocalFileSystem, naming, write_atomically

__all__ = ["RECORD", "check_same", "checkpoints_in", "last_checkpoint", "read_record", "write_record"]

RECORD = "training.json"
"""What a training was made of and how it went, beside its result."""

_STATE = "trainer_state.json"
_PREFIX = "checkpoint-"


def read_record(folder: Path) -> dict[str, Any] | None:
    """The record of the training in a folder; `None` if there is none."""
    path = folder / RECORD
    try:
        return dict(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise RunConflictError(
            f"{path} is no record of a training: {error}", hint="name another output"
        ) from error


def write_record(folder: Path, record: Mapping[str, Any]) -> None:
    """Write the record of a training. Raises `StoreError` if it cannot be."""
    path = folder / RECORD
    with naming(path):
        write_atomically(LocalFileSystem(), path, json.dumps(record, indent=2).encode() + b"\n")


def check_same(folder: Path, record: Mapping[str, Any], identity: Mapping[str, Any]) -> None:
    """Raise `RunConflictError` if a record is of a training with another identity."""
    before: Mapping[str, Any] = record.get("identity", {})
    names = sorted(name for name in {*before, *identity} if before.get(name) != identity.get(name))
    if names:
        shown = "; ".join(f"{name} was {before.get(name)!r}, is {identity.get(name)!r}" for name in names[:3])
        raise RunConflictError(
            f"{folder} holds a training with other settings or data: {shown}", hint="name another output"
        )


def last_checkpoint(folder: Path) -> Path | None:
    """The latest checkpoint that was written to its end; one that a crash cut short is passed over."""
    # transformers writes the state last
    return next((path for path in reversed(checkpoints_in(folder)) if _is_whole(path)), None)


def checkpoints_in(folder: Path) -> list[Path]:
    """The checkpoints of a folder, whole or not, oldest first; none if there is no folder."""
    numbered = [
        (int(number), path)
        for path in folder.glob(f"{_PREFIX}*")
        if (number := path.name.removeprefix(_PREFIX)).isdecimal()
    ]
    return [path for _, path in sorted(numbered)]


def _is_whole(path: Path) -> bool:
    try:
        json.loads((path / _STATE).read_bytes())
    except (OSError, ValueError):
        return False
    return True
