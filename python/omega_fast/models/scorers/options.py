"""How a scorer is run; none of it changes what a model says beyond rounding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from omega_fast.backends.server_settings import ServedModel
from omega_fast.errors import ConfigError

__all__ = ["DType", "Engine", "ScorerOptions"]

DType = Literal["auto", "float32", "bfloat16", "float16"]
"""Of weights and computation; `auto` is the one they were saved in."""

Engine = Literal["torch", "vllm"]
"""What runs a checkpoint in this process's keeping."""


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
        engine: What runs the checkpoint, unless a server does.
        engine_args: Further arguments of vLLM by its names.
        server: The server that runs the model.

    Raises:
        ConfigError: A number is not positive, there is no such type or engine, or settings contradict each other.
    """

    device: str = "auto"
    dtype: DType = "auto"
    batch_tokens: int = 8192
    max_length: int | None = None
    revision: str | None = None
    reference: str | None = None
    engine: Engine = "torch"
    engine_args: Mapping[str, Any] = field(default_factory=dict)
    server: ServedModel | None = None

    def __post_init__(self) -> None:
        for name, kind in (("dtype", DType), ("engine", Engine)):
            if getattr(self, name) not in get_args(kind):
                raise ConfigError(
                    f"there is no {name} {getattr(self, name)!r}", hint=f"use {', '.join(get_args(kind))}"
                )
        for name in ("batch_tokens", "max_length"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"{name} is {value}", hint="give a positive number")
        if self.server is not None and self.engine != "torch":
            raise ConfigError("a server is named, and an engine", hint="give --base-url or --engine")
        if self.engine_args and self.engine != "vllm":
            raise ConfigError("engine_args are for vLLM", hint="give --engine vllm, or leave them out")
