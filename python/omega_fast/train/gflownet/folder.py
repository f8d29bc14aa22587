"""The folder of a fine-tuning: refused, resumed or begun; its record and log; the policy that comes of it."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omega_fast.store.files import LocalFileSystem, naming, refuse_foreign, write_atomically
from omega_fast.train.checkpoints import check_same, last_checkpoint, read_record, write_record
from omega_fast.train.folder import is_main, versions, wait_for_all
from omega_fast.train.gflownet.config import GflownetConfig

__all__ = ["Finetuned", "GflownetFolder"]

LOG = "log.jsonl"
"""One line for each entry of the log, written while the training runs."""


@dataclass(frozen=True, slots=True)
class Finetuned:
    """A fine-tuning that is done.

    Attributes:
        folder: Weights with adapters merged into them, tokenizer, plots, log and record; the adapters alone lie in
            `adapter`, if there are any.
        record: Settings, data, versions, log, faults and warnings, as in `training.json`.
    """

    folder: Path
    record: Mapping[str, Any]


class GflownetFolder:
    """The folder of one fine-tuning.

    Args:
        path: The folder, which is made if it is not there; a new temporary one by default.
        config: The settings.

    Raises:
        RunConflictError: If it holds something other than a training.
    """

    def __init__(self, path: Path | str | None, config: GflownetConfig) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="omega-gflownet-")) if path is None else Path(path)
        self._config = config
        self._record: dict[str, Any] = {}
        with naming(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            self._before = read_record(self.path)
        if self._before is None and is_main():
            refuse_foreign(self.path, "training")

    @property
    def checkpoints(self) -> Path:
        """Where the state of the training is kept."""
        return self.path / "checkpoints"

    @property
    def for_engine(self) -> Path:
        """Where an engine of its own finds each version of the weights."""
        return self.path / "engine"

    @property
    def adapter(self) -> Path:
        """Where the trained adapters are."""
        return self.path / "adapter"

    def begin(self, data: Mapping[str, Any]) -> Finetuned | None:
        """Record what the training is of; the result if it is done already.

        Raises:
            RunConflictError: If the folder holds a training with other settings or data.
        """
        identity = {**self._config.identity(), "data": data["fingerprint"]}
        finished = self._before is not None and bool(self._before.get("finished"))
        if self._before is not None and (finished or last_checkpoint(self.checkpoints) is not None):
            check_same(self.path, self._before, identity)
            if finished and (self.path / "config.json").is_file():
                return Finetuned(self.path, self._before)
        self._note(identity=identity, data=dict(data), versions=versions(), finished=False, log=[])
        return None

    def write_log(self, history: Sequence[Mapping[str, Any]]) -> None:
        """Write the whole log anew, as after a checkpoint was loaded."""
        lines = "".join(json.dumps(entry) + "\n" for entry in history)
        write_atomically(LocalFileSystem(), self.path / LOG, lines.encode())

    def log(self, entry: Mapping[str, Any]) -> None:
        """Add an entry to the log."""
        path = self.path / LOG
        with naming(path), path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(dict(entry)) + "\n")

    def finish(self, **more: Any) -> Finetuned:
        """Record that the training is done; its checkpoints go if they are not to stay."""
        self._note(finished=True, **more)
        if is_main():
            shutil.rmtree(self.for_engine, ignore_errors=True)
            if not self._config.keep_checkpoints:
                shutil.rmtree(self.checkpoints, ignore_errors=True)
        wait_for_all()
        return Finetuned(self.path, self._record)

    def _note(self, **more: Any) -> None:
        self._record |= more
        if is_main():
            write_record(self.path, self._record)
