"""Every setting of the training of a process reward model, once; flags and keywords are made from it."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal, Self, get_args

from pydantic import model_validator

from omega_fast.config.fields import Kind, setting
from omega_fast.models.aggregate import Aggregation
from omega_fast.models.ledger_policy.location import EMBEDDED_POLICY
from omega_fast.models.prm_card import RESERVED_TOKEN
from omega_fast.train.data.example import Labels
from omega_fast.train.data.faults import OnInvalid
from omega_fast.train.training_config import TrainingConfig, configured

__all__ = ["PROBE_RATE", "Loss", "Packed", "PrmConfig", "StateWeights", "ntp_config", "prm_config"]

Loss = Literal["bce", "ce", "mse", "pairwise", "pqm", "progress", "relative-progress"]
"""See `omega_fast.train.losses`."""

Packed = Literal["auto", "on", "off"]
"""Whether solutions are packed as trees; see `omega_fast.train.packed`."""

StateWeights = Literal["paths", "once"]
"""How much a state counts: as often as there are solutions through it, or once."""

HeadName = Literal["token-cls", "value", "probe", "ntp"]

_identity = partial(setting, kind=Kind.IDENTITY)
_operational = partial(setting, kind=Kind.OPERATIONAL)

Scheduler = Literal[
    "linear",
    "cosine",
    "cosine_with_restarts",
    "polynomial",
    "constant",
    "constant_with_warmup",
    "inverse_sqrt",
    "warmup_stable_decay",
]
"""The schedules of transformers that need nothing beside the number of updates."""

_data = partial(_identity, group="Data")
_model = partial(_identity, group="Model")
_loss = partial(_identity, group="Loss")
_optimisation = partial(_identity, group="Optimisation")
_running = partial(_operational, group="Running")

_EPOCHS = 3.0
_PROBE_EPOCHS = 200.0
_RATE = 2e-5
_LORA_RATE = 2e-4
_LEDGER_RATE = 3e-4

PROBE_RATE = 1e-3
"""Learning rate of a probe's layers alone."""


class PrmConfig(TrainingConfig):
    """The settings of one training; `prm_config` makes one and explains faults."""

    format: str = _data("auto", "Format of the data, if they are a file; 'auto' looks at the first row")
    labels: Labels = _data(
        "soft-or-hard",
        "Labels that count: estimates, right and wrong, or estimates and 1 or 0 where a step has none",
    )
    threshold: float | None = _data(
        None,
        "For hard labels: a step with an estimate is right above this; unset takes the hard labels as they are, and "
        "any success where there is an estimate alone",
        ge=0,
        lt=1,
    )
    validation: float = _data(0.1, "Share of the questions held out, by a hash of their text", ge=0, lt=1)
    invalid: OnInvalid = _data("skip", "Rows that cannot be used: leave them out and say so, or stop")
    deduplicate: bool = _data(default=True, description="Use a solution that comes twice once")
    balance: bool = _data(
        default=False, description="Weigh right and wrong steps so that both count alike in all"
    )

    model: str = _model(
        EMBEDDED_POLICY, "Folder or hub name of a language model, or 'ledger-policy'", min_length=1
    )
    revision: str | None = _model(None, "Branch, tag or commit of a hub name")
    head: HeadName = _model(
        "token-cls",
        "Two classes at the end of each step, one value there, two layers on a frozen model, or a good or bad token "
        "at a marker",
    )
    separator: str | None = _model(
        None,
        "Text that ends every step; unset takes what most steps of the data end in",
        escapes=True,
        min_length=1,
    )
    prompt_template: str | None = _model(
        None,
        "What the model sees of {problem}; unset is the problem alone, or with the separator if not a chat",
    )
    chat: bool | None = _model(None, "Render the tokenizer's chat template; unset does if it has one")
    max_length: int | None = _model(
        None, "Tokens of the longest solution, prompt included; longer ones are never cut but left out", ge=2
    )
    aggregation: Aggregation | None = _model(
        None, "How step scores become one; unset is prod for hard labels and last for soft ones"
    )
    attention: str | None = _model(None, "Implementation of attention in transformers")
    lora_rank: int = _model(0, "Rank of LoRA adapters, merged in the end; 0 trains all weights", ge=0)
    lora_alpha: float | None = _model(None, "Scale of the adapters; unset is twice the rank", gt=0)
    lora_dropout: float = _model(0.0, "Dropout in the adapters", ge=0, lt=1)
    probe_layer: int = _model(-1, "Hidden states a probe reads: 0 the embeddings, -1 the last layer's")
    probe_likelihood: bool | None = _model(
        None,
        "Whether a probe reads the model's probabilities of each step, too; unset does if the model writes text",
    )
    probe_width: int = _model(256, "Width of a probe's first layer", ge=1)
    probe_tune: bool = _model(
        default=False,
        description="Train the language model below a probe with it, once its layers are trained alone",
    )

    begin_of_action_token: str = _model(
        RESERVED_TOKEN, "For ntp: token before each step; none if it is empty or the same as the next"
    )
    prm_token: str = _model(
        RESERVED_TOKEN,
        "For ntp: token behind each step, where it is judged; added if the model lacks it",
        min_length=1,
    )
    good_token: str = _model("+", "For ntp: the token that comes next after a right step", min_length=1)
    bad_token: str = _model("-", "For ntp: the token that comes next after a wrong step", min_length=1)

    loss: Loss = _loss("bce", "What is minimised")
    margin: float = _loss(4.0, "For pqm: by how much right steps are to stand above wrong ones", ge=0)
    progress_ratio: float = _loss(
        0.8, "For relative-progress: least MC after / MC before of a right step", gt=0
    )
    pairs_per_prefix: int = _loss(8, "For pairwise: most pairs of siblings of one prefix", ge=1)

    state_weights: StateWeights = _loss(
        "paths",
        "A step that several solutions share counts in each of them, or once with the mean of its labels",
    )

    learning_rate: float | None = _optimisation(
        None,
        "Unset is 2e-5, 2e-4 with LoRA, 1e-3 for a probe that is not tuned, 3e-4 for the embedded policy",
        gt=0,
    )
    epochs: float | None = _optimisation(
        None, "Passes over the data; unset is 3, and 200 for a probe that is not tuned", gt=0
    )
    max_steps: int = _optimisation(
        0, "Updates after which to stop, whatever the epochs; 0 for no limit", ge=0
    )
    batch_size: int = _optimisation(8, "Solutions in one forward on one device", ge=1)
    accumulation: int = _optimisation(1, "Forwards of one update on one device", ge=1)
    pack: Packed = _optimisation(
        "off",
        "Train on trees: solutions of a question in one sequence, shared beginnings once, equal gradients; auto does "
        "where it fits the model and saves a tenth of the arithmetic",
    )
    pack_tokens: int | None = _optimisation(
        None, "Tokens of a pack at most; unset is what a batch of solutions takes packed", ge=2
    )
    warmup: float = _optimisation(0.05, "Share of the updates over which the learning rate rises", ge=0, lt=1)
    scheduler: Scheduler = _optimisation(
        "linear",
        "How the learning rate falls, as transformers names it; with warmup_stable_decay in the last three fifths",
    )
    weight_decay: float = _optimisation(0.0, "Weight decay of AdamW", ge=0)
    clip: float = _optimisation(1.0, "Largest norm of a gradient; 0 for any", ge=0)
    seed: int = _optimisation(0, "Of the new weights and the order of the data", ge=0, lt=2**32)
    bf16: bool = _optimisation(default=False, description="Compute in bfloat16, keep weights in float32")
    gradient_checkpointing: bool = _optimisation(
        default=False, description="Compute activations twice and keep fewer"
    )

    evaluate_every: int = _running(0, "Updates between evaluations; 0 evaluates after each epoch", ge=0)
    save_every: int = _running(0, "Updates between checkpoints; 0 saves after each epoch", ge=0)
    log_every: int = _running(10, "Updates between entries of the loss curve", ge=1)
    keep_checkpoints: bool = _running(
        default=False, description="Keep the checkpoints when the training is done"
    )
    report_to: str = _running(
        "none", "Tracker that transformers knows, such as trackio, wandb or tensorboard"
    )
    run_name: str | None = _running(None, "Name of the run in the tracker")
    device: Literal["auto", "cpu"] = _running("auto", "Where to compute")
    threads: int | None = _running(None, "Threads of torch in one process", ge=1)

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.loss == "ce" and self.head not in ("token-cls", "ntp"):
            raise ValueError(
                f"loss ce needs two classes and head {self.head} has one: use bce, which is equal"
            )
        if self.head != "probe" and self.probe_likelihood is not None:
            raise ValueError(f"probe_likelihood is for the head probe, not for {self.head}")
        if self.head == "probe" and self.lora_rank:
            raise ValueError(
                "a probe leaves the model as it is, or trains all of it: lora_rank is for the other heads"
            )
        if self.head != "probe" and self.probe_tune:
            raise ValueError(
                f"probe_tune is for the head probe, not for {self.head}, which trains the whole model"
            )
        if self.head == "probe" and self.loss in ("pairwise", "pqm"):
            raise ValueError(f"loss {self.loss} is for the heads token-cls and value")
        if self.threshold is not None and self.labels != "hard":
            raise ValueError("threshold makes hard labels: set labels to hard")
        if self.balance and self.loss not in ("bce", "ce", "mse"):
            raise ValueError(f"balance is for bce, ce and mse, not for {self.loss}")
        if self.state_weights == "once" and self.loss in ("pairwise", "pqm"):
            raise ValueError(f"state_weights once is for losses of single steps, not for {self.loss}")
        if self.pack == "off" and self.pack_tokens is not None:
            raise ValueError("pack_tokens is for packs: set pack to on or auto")
        if self.head == "probe" and self.pack == "on":
            raise ValueError("a probe reads each solution in a row of its own: pack is for the other heads")
        if self.loss == "pqm" and self.labels != "hard":
            raise ValueError("loss pqm ranks right above wrong steps: set labels to hard")
        if self.loss in ("progress", "relative-progress") and self.labels == "hard":
            raise ValueError(f"loss {self.loss} compares estimates: set labels to soft")
        return self

    @property
    def is_frozen(self) -> bool:
        """Whether the language model stays as it is."""
        return self.head == "probe" and not self.probe_tune

    @property
    def rate(self) -> float:
        """The learning rate, given or usual."""
        if self.learning_rate is not None:
            return self.learning_rate
        if self.is_frozen:
            return PROBE_RATE
        if self.lora_rank:
            return _LORA_RATE
        return _LEDGER_RATE if self.model == EMBEDDED_POLICY else _RATE

    @property
    def passes(self) -> float:
        """The number of epochs, given or usual."""
        return self.epochs or (_PROBE_EPOCHS if self.is_frozen else _EPOCHS)


def prm_config(**settings: Any) -> PrmConfig:
    """A configuration of the settings given by name.

    Raises:
        ConfigError: If there is no such setting, a value cannot be, or two contradict each other.
    """
    return configured(PrmConfig, settings)


def ntp_config(**settings: Any) -> PrmConfig:
    """A configuration of the head `ntp`, trained with cross-entropy on its two tokens. Raises like `prm_config`."""
    return prm_config(**{"head": "ntp", "loss": "ce", **settings})


assert set(get_args(HeadName)) == {"token-cls", "value", "probe", "ntp"}, (
    "heads of models.prm_card, but for `implicit`"
)
