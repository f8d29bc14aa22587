"""A trainer at work: it goes on from the last checkpoint, tells its log, and leaves the model in the folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback
from transformers.trainer_callback import PrinterCallback

from omega_fast.train.adapters import merged
from omega_fast.train.checkpoints import last_checkpoint
from omega_fast.train.curve import CurveWriter
from omega_fast.train.folder import OnLog, TrainingFolder, is_main
from omega_fast.train.training_data import TrainingData
from omega_fast.train.unit_trainer import UnitTrainer

__all__ = ["learn"]


def learn(
    trainer: UnitTrainer,
    data: TrainingData[Any],
    folder: TrainingFolder,
    *,
    curve: CurveWriter,
    on_log: OnLog | None = None,
    base: Callable[[], Any] | None = None,
    adapter: Path | None = None,
) -> list[dict[str, Any]]:
    """Train from where a checkpoint stands, and save weights, tokenizer and card; the log.

    Args:
        trainer: On a network, with adapters if there is a `base`.
        data: For the card and the tokenizer.
        folder: Where all goes.
        curve: Draws the loss.
        on_log: Told each entry of the log.
        base: Loads the network that adapters are merged into.
        adapter: Where the adapters stay beside that; nowhere unless given.
    """
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(curve)
    if on_log is not None:
        trainer.add_callback(_Telling(on_log))
    resumed = last_checkpoint(folder.checkpoints)
    trainer.train(resume_from_checkpoint=None if resumed is None else str(resumed))
    curve.on_log(trainer.args, trainer.state, None)
    if base is None:
        trainer.save_model(str(folder.path))
    else:
        adapters = adapter or folder.checkpoints / "adapters"
        trainer.save_model(str(adapters))
        if is_main():
            merged(base(), adapters).save_pretrained(folder.path)
    if is_main():
        # The arguments are a pickle, and training.json says more
        for each in (folder.path, *([adapter] if adapter is not None else [])):
            (each / "training_args.bin").unlink(missing_ok=True)
        data.encoder.tokenizer.save_pretrained(folder.path)
        data.card.write(folder.path)
    return list(trainer.state.log_history)


class _Telling(TrainerCallback):
    """Hands each entry of the log on, in the main process alone."""

    def __init__(self, on_log: OnLog) -> None:
        self._on_log = on_log

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Hand on what was logged, with its update and how many there are."""
        del args, control
        if state.is_world_process_zero and logs:
            self._on_log({"step": state.global_step, "of": state.max_steps, **logs})
