"""Every setting of the training of an implicit process reward model, once; flags and keywords are made from it."""

from __future__ import annotations

from copy import copy
from functools import partial
from typing import Any, Literal

from omega_fast.config.fields import Kind, setting
from omega_fast.models.aggregate import Aggregation
from omega_fast.models.ledger_policy.location import EMBEDDED_POLICY
from omega_fast.train.data.faults import OnInvalid
from omega_fast.train.prm_config import PrmConfig, Scheduler
from omega_fast.train.training_config import TrainingConfig, configured

__all__ = ["ImplicitConfig", "ImplicitObjective", "implicit_config"]

ImplicitObjective = Literal["ce", "dpo"]
"""Cross-entropy on whether a solution is right; preference of a right solution over a wrong one."""

_RATE = 5e-7
_LORA_RATE = 5e-6
_LEDGER_RATE = 1e-4

_data = partial(setting, kind=Kind.IDENTITY, group="Data")
_model = partial(setting, kind=Kind.IDENTITY, group="Model")
_loss = partial(setting, kind=Kind.IDENTITY, group="Loss")


def _as_in_prm(name: str) -> Any:
    """A setting that is the same in all trainings, declared where process rewards are trained on steps."""
    return copy(PrmConfig.model_fields[name])


class ImplicitConfig(TrainingConfig):
    """The settings of one training; `implicit_config` makes one and explains faults."""

    validation: float = _as_in_prm("validation")
    invalid: OnInvalid = _as_in_prm("invalid")
    deduplicate: bool = _as_in_prm("deduplicate")

    model: str = _as_in_prm("model")
    revision: str | None = _as_in_prm("revision")
    reference: str | None = _model(
        None,
        "Folder or hub name of the frozen reference; unset is the model itself before training",
        min_length=1,
    )
    separator: str | None = _model(
        None,
        "Text that ends every step; unset is a blank line if most solutions have one, else a line break",
        escapes=True,
        min_length=1,
    )
    prompt_template: str | None = _as_in_prm("prompt_template")
    chat: bool | None = _as_in_prm("chat")
    max_length: int | None = _as_in_prm("max_length")
    aggregation: Aggregation | None = _model(None, "How step scores become one; unset is last")
    attention: str | None = _as_in_prm("attention")
    lora_rank: int = _as_in_prm("lora_rank")
    lora_alpha: float | None = _as_in_prm("lora_alpha")
    lora_dropout: float = _as_in_prm("lora_dropout")

    objective: ImplicitObjective = _loss(
        "ce", "Cross-entropy on right and wrong solutions, or preference of a right one over a wrong one"
    )
    beta: float = _loss(0.05, "What the log-ratio is multiplied with", gt=0)

    learning_rate: float | None = setting(
        None,
        "Unset is 5e-7, 5e-6 with LoRA, 1e-4 for the embedded policy",
        kind=Kind.IDENTITY,
        group="Optimisation",
        gt=0,
    )
    epochs: float | None = setting(
        None, "Passes over the data; unset is 1", kind=Kind.IDENTITY, group="Optimisation", gt=0
    )
    max_steps: int = _as_in_prm("max_steps")
    batch_size: int = _as_in_prm("batch_size")
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
        if self.model == EMBEDDED_POLICY:
            return _LEDGER_RATE
        return _LORA_RATE if self.lora_rank else _RATE

    @property
    def passes(self) -> float:
        """The number of epochs, given or usual."""
        return self.epochs or 1.0

    @property
    def reference_name(self) -> str:
        """The reference model."""
        return self.reference or self.model

    @property
    def reference_revision(self) -> str | None:
        """The reference model's revision: another model's is its newest."""
        return self.revision if self.reference is None else None


def implicit_config(**settings: Any) -> ImplicitConfig:
    """A configuration of the settings given by name.

    Raises:
        ConfigError: If there is no such setting, or a value cannot be.
    """
    return configured(ImplicitConfig, settings)
