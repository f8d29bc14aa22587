"""How a scorer is run; none of it changes what a model says beyond rounding."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from omega_fast.backends.server_settings import ServedModel
from omega_fast.errors import ConfigError
from omega_fast.models.prm_card import RESERVED_TOKEN
from omega_fast.models.scorers.implicit_settings import COEFFICIENT

__all__ = ["DType", "Engine", "Judging", "ScorerOptions"]

DType = Literal["auto", "float32", "bfloat16", "float16"]
"""Of weights and computation; `auto` is the one they were saved in."""

Engine = Literal["torch", "vllm"]
"""What runs a checkpoint in this process's keeping."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """How a model that writes verdicts is sampled.

    Attributes:
        samples: Verdicts on a solution; one is greedy, of several the most frequent counts.
        temperature: Of several.
        top_p: Of several.
        max_new_tokens: Of one verdict with its reasons; one that is cut off there cannot be read.

    Raises:
        ConfigError: A number is out of its range.
    """

    samples: int = 1
    temperature: float = 0.7
    top_p: float = 0.8
    max_new_tokens: int = 4096

    def __post_init__(self) -> None:
        for name in ("samples", "max_new_tokens"):
            if getattr(self, name) < 1:
                raise ConfigError(
                    f"{name} of a judge is {getattr(self, name)}", hint="give a positive number"
                )
        if not 0 < self.temperature < math.inf or not 0 < self.top_p <= 1:
            raise ConfigError(
                f"a judge cannot be sampled at temperature {self.temperature} and top_p {self.top_p}",
                hint="one sample is greedy; for several give a positive temperature",
            )


_LEAST = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class ScorerOptions:
    """Where and how a scorer runs.

    Attributes:
        device: `auto` is the first GPU if there is one.
        dtype: Of weights and computation; `auto` as they were saved.
        batch_tokens: Tokens of one forward pass, padding included; a longer solution runs alone.
        max_length: Tokens a problem with its solution may have; `None` for what the model takes.
        revision: Branch, tag or commit on the hub.
        reference: For the shape `implicit`, the model that training began from.
        coefficient: For the same, what log-ratios are multiplied with; ours have their own from training.
        tokenizer: Folder or hub name of the tokenizer; `None` for the model's own.
        prm_token: For the shape `ntp`, the token behind each step, where it is judged.
        begin_of_action_token: For the same, the token before each step; none if it is empty or the same.
        good_token: For the same, the token that comes next after a right step.
        bad_token: The one after a wrong step.
        engine: What runs the checkpoint, unless a server does.
        engine_args: Further arguments of vLLM by its names.
        server: The server that runs the model.
        judging: How a model that writes verdicts is sampled.

    Raises:
        ConfigError: A number is not positive, there is no such type or engine, or settings contradict each other.
    """

    device: str = "auto"
    dtype: DType = "auto"
    batch_tokens: int = 8192
    max_length: int | None = None
    revision: str | None = None
    reference: str | None = None
    coefficient: float = COEFFICIENT
    tokenizer: str | None = None
    prm_token: str = RESERVED_TOKEN
    begin_of_action_token: str = RESERVED_TOKEN
    good_token: str = "+"  # noqa: S105 - a token of text
    bad_token: str = "-"  # noqa: S105 - the same
    engine: Engine = "torch"
    engine_args: Mapping[str, Any] = field(default_factory=dict)
    server: ServedModel | None = None
    judging: Judging = Judging()

    def __post_init__(self) -> None:
        for name, kind in (("dtype", DType), ("engine", Engine)):
            if getattr(self, name) not in get_args(kind):
                raise ConfigError(
                    f"there is no {name} {getattr(self, name)!r}", hint=f"use {', '.join(get_args(kind))}"
                )
        for name, least in (("batch_tokens", 1), ("max_length", 1), ("coefficient", _LEAST)):
            value = getattr(self, name)
            if value is not None and not value >= least:
                raise ConfigError(f"{name} is {value}", hint="give a positive number")
        if self.server is not None and self.engine != "torch":
            raise ConfigError("a server is named, and an engine", hint="give --base-url or --engine")
        if self.engine_args and self.engine != "vllm":
            raise ConfigError("engine_args are for vLLM", hint="give --engine vllm, or leave them out")

    def served(self, name: str) -> ServedModel:
        """The server's model of that name, unless the server calls it otherwise. Raises `ConfigError` without one."""
        if self.server is None:
            raise ConfigError("a chat model is asked over a server", hint="name it with --base-url")
        return self.server if self.server.model else self.server.model_copy(update={"model": name})
