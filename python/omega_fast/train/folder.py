"""The folder of a training: opened or refused, and what processes that train together settle about it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import TrainerCallback

from omega_fast.errors import RunConflictError
from omega_fast.store.files import naming
from omega_fast.store.manifest import package_version
from omega_fast.train.checkpoints import read_record

__all__ = ["OnLog", "Telling", "is_main", "opened", "versions", "wait_for_all"]

OnLog = Callable[[Mapping[str, Any]], None]
"""Told each entry of the log as it is made."""


class Telling(TrainerCallback):
    """Hands each entry of the log on, in the main process alone."""

    def __init__(self, on_log: OnLog) -> None:
        self._on_log = on_log

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Hand on what was logged, with its update and how many there are."""
        del args, control
        if state.is_world_process_zero and logs:
            self._on_log({"step": state.global_step, "of": state.max_steps, **logs})


def opened(folder: Path) -> dict[str, Any] | None:
    """The record of what the folder holds, which is made if it is not there.

    Raises:
        RunConflictError: If it holds something other than a training.
    """
    with naming(folder):
        folder.mkdir(parents=True, exist_ok=True)
        before = read_record(folder)
        if before is None and is_main() and any(folder.iterdir()):
            raise RunConflictError(
                f"{folder} is not empty and holds no training", hint="name a new or an empty folder"
            )
    return before


def versions() -> dict[str, str]:
    """What a training was done with."""
    return {
        "omega_fast": package_version(),
        "torch": str(torch.__version__),
        "transformers": str(transformers.__version__),
    }


def is_main() -> bool:
    """Whether this is the first of the processes that train together, by the variables of torchrun."""
    return os.environ.get("RANK", "0") == "0"


def wait_for_all() -> None:
    """Wait until all processes that train together are here."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()
