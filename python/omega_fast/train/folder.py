"""The folder of a training: refused, resumed or begun; its record; the model that comes of it."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers

from omega_fast.models.prm import PRM, load_prm
from omega_fast.models.prm_card import CARD, PrmCard
from omega_fast.models.scorers.generative import load as load_generative
from omega_fast.models.scorers.generative_prm import GenerativePRM
from omega_fast.models.scorers.options import ScorerOptions
from omega_fast.store.files import naming, refuse_foreign
from omega_fast.store.manifest import package_version
from omega_fast.train.checkpoints import check_same, last_checkpoint, read_record, write_record
from omega_fast.train.curve import CurveWriter
from omega_fast.train.generative_config import GenerativeConfig
from omega_fast.train.implicit_config import ImplicitConfig
from omega_fast.train.prm_config import PrmConfig
from omega_fast.train.training_data import TrainingData

__all__ = ["OnLog", "Training", "TrainingFolder", "is_main", "versions", "wait_for_all"]

OnLog = Callable[[Mapping[str, Any]], None]
"""Told each entry of the log as it is made."""

_QUARANTINE = "rows.quarantine.jsonl"
_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Training:
    """A training that is done.

    Attributes:
        prm: The model, loaded from where it was written.
        folder: Where that is.
        record: Settings, data report, versions and the log, as in `training.json`.
    """

    prm: PRM | GenerativePRM
    folder: Path
    record: Mapping[str, Any]


class TrainingFolder:
    """The folder of one training, from the record that it began to the model that came of it.

    Args:
        path: The folder, which is made if it is not there; a new temporary one by default.
        config: The settings.

    Raises:
        RunConflictError: If it holds something other than a training.
    """

    def __init__(
        self, path: Path | str | None, config: PrmConfig | ImplicitConfig | GenerativeConfig
    ) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="omega-prm-")) if path is None else Path(path)
        self._config = config
        self._record: dict[str, Any] = {}
        with naming(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            self._before = read_record(self.path)
        if self._before is None and is_main():
            # Rows that were set aside may be all that an earlier attempt got to
            refuse_foreign(self.path, "training", beside={_QUARANTINE})

    @property
    def checkpoints(self) -> Path:
        """Where the state of the training is kept."""
        return self.path / "checkpoints"

    @property
    def quarantine(self) -> Path | None:
        """`NAME` of `NAME.quarantine.jsonl`, for rows that cannot be used; `None` where another process writes it."""
        return self.path / "rows" if is_main() else None

    def curve(self, title: str) -> CurveWriter:
        """What draws the loss curve into the folder."""
        return CurveWriter(self.path / "loss.svg", title)

    def begin(self, data: TrainingData[Any]) -> Training | None:
        """Record what the training is of; the training itself if it is done already.

        Raises:
            RunConflictError: If the folder holds a training with other settings or data.
        """
        if (unusable := sum(data.report["faults"].values())) and is_main():
            _LOGGER.warning("%d rows could not be used: %s", unusable, "; ".join(data.report["named"]))
        identity = {**self._config.identity(), "data": data.fingerprint}
        finished = self._before is not None and bool(self._before.get("finished"))
        # What reached neither end nor checkpoint has left nothing that another training could be mixed up with
        if self._before is not None and (finished or last_checkpoint(self.checkpoints) is not None):
            check_same(self.path, self._before, identity)
            if finished and (self.path / CARD).is_file():
                self._record = self._before
                return self._training()
        self.note(identity=identity, data=data.report, versions=versions(), finished=False, log=[])
        return None

    def note(self, **more: Any) -> None:
        """Add to the record."""
        self._record |= more
        if is_main():
            write_record(self.path, self._record)

    def finish(self, log: Sequence[Mapping[str, Any]]) -> Training:
        """Record that the training is done, and load what came of it; its checkpoints go if they are not to stay."""
        self.note(finished=True, log=[dict(entry) for entry in log])
        if is_main() and not self._config.keep_checkpoints:
            shutil.rmtree(self.checkpoints, ignore_errors=True)
        wait_for_all()
        return self._training()

    def _training(self) -> Training:
        if PrmCard.read(self.path / CARD).head == "generative":
            where = "cpu" if self._config.device == "cpu" else "auto"
            made = load_generative(str(self.path), ScorerOptions(device=where))
            return Training(made, self.path, self._record)
        device = "cpu" if self._config.device == "cpu" else None
        prm = load_prm(self.path, attention=self._config.attention, device=device)
        return Training(prm, self.path, self._record)


def is_main() -> bool:
    """Whether this is the first of the processes that train together, by the variables of torchrun."""
    return os.environ.get("RANK", "0") == "0"


def wait_for_all() -> None:
    """Wait until all processes that train together are here."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()


def versions() -> dict[str, str]:
    """The libraries that a training depends on, for its record."""
    return {
        "omega_fast": package_version(),
        "torch": str(torch.__version__),
        "transformers": str(transformers.__version__),
    }
