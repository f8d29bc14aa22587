"""Every setting of the fine-tuning of a generative process reward model, once; flags and keywords are made from it."""

from __future__ import annotations

from copy import copy
from functools import partial
from pathlib import Path
from typing import Any, Literal

from omega_fast.config.fields import Kind, setting
from omega_fast.models.aggregate import Aggregation
from omega_fast.models.ledger_policy.location import EMBEDDED_POLICY
from omega_fast.train.data.faults import OnInvalid
from omega_fast.train.prm_config import PrmConfig, Scheduler
from omega_fast.train.training_config import TrainingConfig, configured

__all__ = ["GenerativeConfig", "generative_config"]

_RATE = 5e-5
_LEDGER_RATE = 1.2e-3
_MUON_RATE = 0.02
_EPOCHS = 3.0

_data = partial(setting, kind=Kind.IDENTITY, group="Data")
_model = partial(setting, kind=Kind.IDENTITY, group="Model")
_optimisation = partial(setting, kind=Kind.IDENTITY, group="Optimisation")


def _as_in_prm(name: str) -> Any:
    """A setting that is the same in all trainings, declared where process rewards are trained on steps."""
    return copy(PrmConfig.model_fields[name])


class GenerativeConfig(TrainingConfig):
    """The settings of one training; `generative_config` makes one and explains faults."""

    dataset: str | None = _data(
        None, "Entry of the folder's dataset_info.json; unset is the first", min_length=1
    )
    validation: float = _as_in_prm("validation")
    invalid: OnInvalid = _as_in_prm("invalid")
    deduplicate: bool = _data(default=True, description="Use a conversation that comes twice once")
    balance: bool = _data(
        default=False, description="Weigh right and wrong verdicts so that both count alike in all"
    )
    verdict_weight: float = _data(
        1.0,
        "How much a verdict counts among the tokens of a critique, each of which counts 1",
        gt=0,
        allow_inf_nan=False,
    )

    model: str = _as_in_prm("model")
    revision: str | None = _as_in_prm("revision")
    chat_template: Path | None = _model(
        None,
        "File of a chat template in Jinja; unset is the tokenizer's own, or ours for the embedded policy",
    )
    max_length: int | None = _model(
        None, "Tokens of the longest conversation; longer ones are never cut but left out", ge=2
    )
    aggregation: Aggregation | None = _model(None, "How step scores become one; unset is min")
    attention: str | None = _as_in_prm("attention")
    lora_rank: int = _model(8, "Rank of LoRA adapters, merged in the end; 0 trains all weights", ge=0)
    lora_alpha: float | None = _model(
        None, "Scale of the adapters; unset is twice the rank, or the rank for muon", gt=0
    )
    lora_dropout: float = _as_in_prm("lora_dropout")

    optimizer: Literal["adamw", "muon"] = _optimisation(
        "adamw",
        "What trains the matrices of the layers; with muon AdamW trains the rest, and adapters keep their reading half",
    )
    learning_rate: float | None = _optimisation(
        None,
        "Unset is 5e-5, 1.2e-3 for an embedded policy, 0.02 for muon (AdamW's is 0.15 of it there)",
        gt=0,
    )
    epochs: float | None = _optimisation(None, "Passes over the data; unset is 3", gt=0)
    max_steps: int = _as_in_prm("max_steps")
    batch_size: int = _optimisation(4, "Conversations in one forward on one device", ge=1)
    accumulation: int = _as_in_prm("accumulation")
    warmup: float = _as_in_prm("warmup")
    scheduler: Scheduler = _as_in_prm("scheduler")
    weight_decay: float = _as_in_prm("weight_decay")
    clip: float = _as_in_prm("clip")
    seed: int = _as_in_prm("seed")
    bf16: bool = _as_in_prm("bf16")
    gradient_checkpointing: bool = _as_in_prm("gradient_checkpointing")

    evaluate_every: int = _as_in_prm("evaluate_every")
    save_every: int = _as_in_prm("save_every")
    log_every: int = _as_in_prm("log_every")
    keep_checkpoints: bool = _as_in_prm("keep_checkpoints")
    report_to: str = _as_in_prm("report_to")
    run_name: str | None = _as_in_prm("run_name")
    device: Literal["auto", "cpu"] = _as_in_prm("device")
    threads: int | None = _as_in_prm("threads")

    @property
    def rate(self) -> float:
        """The learning rate, given or usual."""
        if self.learning_rate is not None:
            return self.learning_rate
        if self.optimizer == "muon":
            return _MUON_RATE
        return _LEDGER_RATE if self.model == EMBEDDED_POLICY else _RATE

    @property
    def passes(self) -> float:
        """The number of epochs, given or usual."""
        return self.epochs or _EPOCHS


def generative_config(**settings: Any) -> GenerativeConfig:
    """A configuration of the settings given by name.

    Raises:
        ConfigError: If there is no such setting, or a value cannot be.
    """
    return configured(GenerativeConfig, settings)
