"""Every setting of GFlowNet fine-tuning, once; flags and keywords are made from it."""

from __future__ import annotations

from copy import copy
from functools import partial
from typing import Any, Literal, Self

from pydantic import field_validator, model_validator

from omega_fast.config.fields import Kind, object_from_text, setting
from omega_fast.models.aggregate import Aggregation
from omega_fast.models.ledger_policy.location import EMBEDDED_POLICY
from omega_fast.train.prm_config import Packed, PrmConfig
from omega_fast.train.training_config import TrainingConfig, configured

__all__ = ["BASELINES", "GflownetConfig", "Judge", "Objective", "gflownet_config"]

Objective = Literal["vargrad", "tb", "db", "subtb", "reinforce", "grpo", "sft"]
"""See `omega_fast.train.gflownet.objectives`."""

Judge = Literal["auto", "prm", "outcome", "both"]
"""What says how good a solution is."""

BASELINES = ("reinforce", "grpo", "sft")
"""Objectives that aim at no distribution."""

_identity = partial(setting, kind=Kind.IDENTITY)
_data = partial(_identity, group="Data")
_model = partial(_identity, group="Model")
_target = partial(_identity, group="Target")
_objective = partial(_identity, group="Objective")
_sampling = partial(_identity, group="Sampling")
_replay = partial(_identity, group="Replay")
_optimisation = partial(_identity, group="Optimisation")
_faults = partial(_identity, group="Faults")
_running = partial(setting, kind=Kind.OPERATIONAL, group="Running")

_RATE, _LORA_RATE, _LEDGER_RATE = 1e-6, 1e-4, 1e-3
_LEDGER_FULL_RATE = 1e-4


def _as_in_prm(name: str) -> Any:
    """A setting that is the same in all trainings, declared where process rewards are trained on steps."""
    return copy(PrmConfig.model_fields[name])


class GflownetConfig(TrainingConfig):
    """The settings of one fine-tuning; `gflownet_config` makes one and explains faults."""

    format: str = _data("auto", "Format of the question file; 'auto' looks at its first record")
    limit: int | None = _data(
        None, "Use this many questions from the start; unset is all, and 100 of the embedded task", ge=1
    )
    ledger_split: Literal["train", "validation", "test", "long"] = _data(
        "train", "Which problems of the embedded task"
    )

    model: str = _as_in_prm("model")
    revision: str | None = _as_in_prm("revision")
    separator: str | None = _model(
        None,
        "Text that ends every step; unset is a line break for the embedded policy and else a blank line",
        escapes=True,
        min_length=1,
    )
    prompt_template: str | None = _model(
        None, "What the policy is asked; {problem} stands for the problem; unset is the problem alone"
    )
    system_prompt: str | None = _model(None, "System message")
    chat: bool | None = _model(None, "Use the model's chat template; unset does if it has one")
    attention: str | None = _as_in_prm("attention")
    lora_rank: int = _model(
        16,
        "Rank of LoRA adapters, with which switched off the policy is its own reference; 0 trains all weights and "
        "keeps a frozen copy",
        ge=0,
    )
    lora_alpha: float | None = _as_in_prm("lora_alpha")

    reward: Literal["posterior", "product"] = _target(
        "posterior",
        "What solutions are to be in proportion to: reference(y) exp(r(y) / beta), or the product of step scores "
        "alone, as published",
    )
    judge: Judge = _target(
        "auto",
        "What r is: the reward model's, whether the answer is right, or both multiplied; 'auto' is the reward model "
        "if there is one",
    )
    beta: float = _target(
        0.25, "Temperature of r: smaller holds the policy less near to its reference", gt=0, le=1e6
    )
    tempering: float = _target(1.0, "Power of the whole reward", gt=0)
    aggregation: Aggregation | None = _target(
        None, "How step scores become r; unset is the reward model's own"
    )
    score_floor: float = _target(
        1e-4, "For product: the least score of a step, which stands for 0", gt=0, lt=1
    )
    reward_limit: float = _target(100.0, "Largest absolute log-reward beside the reference's", gt=0)
    require_answer: bool = _target(
        default=True, description="A solution that gives no answer has r = 0, whatever its steps score"
    )

    objective: Objective = _objective(
        "vargrad",
        "VarGrad, trajectory, detailed or subtrajectory balance, or a baseline: policy gradient or SFT",
    )
    level: Literal["step", "token"] = _objective("step", "What an action is, for db, subtb and grpo")
    subtb_lambda: float = _objective(0.9, "For subtb: weight of longer parts", ge=0, le=1)
    flows: Literal["stop", "learnt", "forward_looking"] = _objective(
        "stop",
        "For db and subtb: the flow of a prefix is its reward over its chance to stop, is learnt, or is learnt beside "
        "what the reward model says of it",
    )
    kl: float = _objective(0.0, "For reinforce and grpo: weight of the divergence from the reference", ge=0)

    prompts: int = _sampling(8, "Questions of an update, over all processes", ge=1)
    samples: int = _sampling(8, "Solutions drawn of each", ge=1)
    temperature: float = _sampling(
        1.0, "Of the policy and its reference, in sampling and in the loss alike", gt=0, allow_inf_nan=False
    )
    max_new_tokens: int = _sampling(512, "Longest solution, in tokens", ge=1)
    sample_ahead: int = _sampling(1, "Updates that are sampled for at once", ge=1)
    max_age: int = _sampling(
        0,
        "Updates by which the weights may have moved on since a solution was drawn; older ones are not used",
        ge=0,
    )

    replay: int = _replay(
        0, "Solutions drawn again from a question's earlier ones, beside the new ones", ge=0
    )
    replay_capacity: int = _replay(64, "Different solutions kept of a question", ge=1)
    replay_priority: float = _replay(
        1.0, "Power of r by which they are chosen; 0 chooses alike", ge=0, allow_inf_nan=False
    )
    replay_similarity: float = _replay(
        1.0, "Solutions at least so similar count as one; 1 for equal ones alone", gt=0, le=1
    )

    updates: int = _optimisation(200, "How many", ge=1)
    learning_rate: float | None = _optimisation(
        None,
        "Unset is 1e-6, 1e-4 with LoRA; for the embedded policy 1e-4, 1e-3 with LoRA",
        gt=0,
    )
    flow_rate: float = _optimisation(
        1e-2, "Learning rate of the layer that tells flows and log Z, where they are learnt", gt=0
    )
    scheduler: Literal["constant", "linear"] = _optimisation("linear", "How the learning rate falls")
    warmup: float = _as_in_prm("warmup")
    weight_decay: float = _as_in_prm("weight_decay")
    clip: float = _as_in_prm("clip")
    micro_batch: int = _optimisation(32, "Solutions in one forward on one device", ge=1)
    pack: Packed = _optimisation(
        "auto",
        "Lay the solutions of a question out as a tree, what they share once, with equal gradients; auto does where it "
        "fits the model",
    )
    seed: int = _optimisation(0, "Of new weights, the order of questions and every draw", ge=0, lt=2**32)
    bf16: bool = _as_in_prm("bf16")
    gradient_checkpointing: bool = _as_in_prm("gradient_checkpointing")

    sampler: Literal["transformers", "vllm"] = _running(
        "transformers", "Engine that draws solutions: the network in training itself, or vLLM beside it"
    )
    engine_args: dict[str, Any] = _running(
        {}, "For vllm: further engine arguments by its names, as a JSON object"
    )
    tolerance: float | None = _running(
        None,
        "Largest difference between the engine's and the trainer's log-probability of a token of a fixed text; unset "
        "is .001 in float32 and .2 in half precision",
        gt=0,
    )
    slots: int = _running(64, "Solutions that the engine draws at once", ge=1)

    collapse: float = _faults(
        0.25, "Diversity has collapsed where so few of a question's solutions are different ones", ge=0, lt=1
    )
    collapse_patience: int = _faults(5, "Updates in a row of that before it is said", ge=1)
    on_collapse: Literal["warn", "stop"] = _faults("warn", "What to do then beside saying so")

    save_every: int = _running(20, "Updates between checkpoints", ge=1)
    log_every: int = _running(1, "Updates between entries of the log", ge=1)
    keep_checkpoints: bool = _as_in_prm("keep_checkpoints")
    report_to: str = _as_in_prm("report_to")
    run_name: str | None = _as_in_prm("run_name")
    device: Literal["auto", "cpu"] = _as_in_prm("device")
    threads: int | None = _as_in_prm("threads")

    @field_validator("engine_args", mode="before")
    @classmethod
    def _read_object(cls, value: object) -> object:
        return object_from_text(value)

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.objective in ("vargrad", "grpo") and self.samples < 2:
            raise ValueError(f"{self.objective} compares solutions of one question: set samples to 2 or more")
        if self.objective in ("reinforce", "grpo") and self.replay:
            raise ValueError(f"{self.objective} is wrong on solutions of earlier weights: set replay to 0")
        if self.flows != "stop" and self.objective not in ("db", "subtb"):
            raise ValueError(f"flows are for db and subtb, not for {self.objective}")
        if self.kl and self.objective not in ("reinforce", "grpo"):
            raise ValueError(f"kl is for reinforce and grpo, not for {self.objective}")
        if self.max_age < self.sample_ahead - 1:
            raise ValueError(
                f"the last of {self.sample_ahead} updates that are sampled for at once use solutions that are "
                f"{self.sample_ahead - 1} updates old: set max_age to that or more"
            )
        if self.reward == "product" and self.judge in ("outcome", "both"):
            raise ValueError("reward product is of step scores alone: set judge to prm")
        if self.aggregation == "sum_logits":
            raise ValueError("r is to be in [0, 1], which sum_logits is not")
        if self.sampler == "vllm" and not self.lora_rank:
            raise ValueError("vllm takes new weights as a LoRA adapter: set lora_rank")
        return self

    @property
    def rate(self) -> float:
        """The learning rate, given or usual."""
        if self.learning_rate is not None:
            return self.learning_rate
        if self.model == EMBEDDED_POLICY:
            return _LEDGER_RATE if self.lora_rank else _LEDGER_FULL_RATE
        return _LORA_RATE if self.lora_rank else _RATE

    @property
    def lora_dropout(self) -> float:
        """None: what is sampled and what is trained are to be one policy."""
        return 0.0

    @property
    def learns_flows(self) -> bool:
        """Whether a layer tells the flow of prefixes, or log Z."""
        return self.objective == "tb" or self.flows != "stop"

    @property
    def stops_anywhere(self) -> bool:
        """Whether the reward of stopping at every prefix is asked for."""
        return self.objective in ("db", "subtb") and self.flows == "stop"

    def given_needs_replay(self, given: bool) -> bool:
        """Whether there are solutions of another policy, and nothing that would use them."""
        return given and not self.replay

    def rate_at(self, update: int) -> float:
        """The share of the learning rate at an update, from 0: it rises, then stays or falls."""
        rising = round(self.warmup * self.updates)
        if update < rising:
            return (update + 1) / (rising + 1)
        if self.scheduler == "constant":
            return 1.0
        return (self.updates - update) / max(1, self.updates - rising)


def gflownet_config(**settings: Any) -> GflownetConfig:
    """A configuration of the settings given by name.

    Raises:
        ConfigError: If there is no such setting, a value cannot be, or two contradict each other.
    """
    return configured(GflownetConfig, settings)
