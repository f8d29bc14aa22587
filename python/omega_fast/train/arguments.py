"""Our settings as transformers' training arguments."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from transformers import TrainingArguments

from omega_fast.train.generative_config import GenerativeConfig
from omega_fast.train.implicit_config import ImplicitConfig
from omega_fast.train.prm_config import PrmConfig

__all__ = ["arguments_of", "warm_up"]

_FALL = 0.6


def arguments_of(
    config: PrmConfig | ImplicitConfig | GenerativeConfig, folder: Path, *, evaluates: bool
) -> TrainingArguments:
    """The arguments of a training that keeps its checkpoints in `folder`.

    They must be made before the network is loaded: under DeepSpeed ZeRO-3 it is then loaded in parts.
    """
    return TrainingArguments(
        output_dir=str(folder),
        per_device_train_batch_size=config.batch_size,
        per_device_eval_batch_size=config.batch_size,
        gradient_accumulation_steps=config.accumulation,
        num_train_epochs=config.passes,
        max_steps=config.max_steps or -1,
        learning_rate=config.rate,
        lr_scheduler_type=config.scheduler,
        weight_decay=config.weight_decay,
        max_grad_norm=config.clip,
        seed=config.seed,
        bf16=config.bf16,
        gradient_checkpointing=config.gradient_checkpointing,
        gradient_checkpointing_kwargs={"use_reentrant": False},
        eval_strategy="no" if not evaluates else "steps" if config.evaluate_every else "epoch",
        eval_steps=config.evaluate_every or None,
        save_strategy="steps" if config.save_every else "epoch",
        save_steps=config.save_every or 500,
        save_total_limit=None if config.keep_checkpoints else 2,
        logging_steps=config.log_every,
        logging_first_step=True,
        report_to=config.report_to,
        run_name=config.run_name,
        disable_tqdm=True,
        remove_unused_columns=False,
        use_cpu=config.device == "cpu" or not torch.cuda.is_available(),
        dataloader_pin_memory=torch.cuda.is_available() and config.device != "cpu",
        label_names=["labels"],
    )


def warm_up(
    arguments: TrainingArguments, config: PrmConfig | ImplicitConfig | GenerativeConfig, drawn: int
) -> None:
    """Set how many updates the learning rate rises over, where so many items or packs are drawn in an epoch."""
    together = arguments.per_device_train_batch_size * arguments.world_size
    in_epoch = math.ceil(math.ceil(drawn / together) / config.accumulation)
    updates = config.max_steps or max(1, math.ceil(in_epoch * config.passes))
    arguments.warmup_steps = round(config.warmup * updates)
    if config.scheduler == "warmup_stable_decay":
        # transformers knows this one by its name alone if it is told how long the fall takes
        arguments.lr_scheduler_kwargs = {"num_decay_steps": round(_FALL * updates)}
