"""How a scorer is run; none of it changes what a model says beyond rounding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from omega_fast.errors import ConfigError

__all__ = ["DType", "ScorerOptions"]

DType = Literal["auto", "float32", "bfloat16", "float16"]
"""Of weights and computation; `auto` is the one they were saved in."""


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

    Raises:
        ConfigError: A number is not positive, or there is no such type.
    """

    device: str = "auto"
    dtype: DType = "auto"
    batch_tokens: int = 8192
    max_length: int | None = None
    revision: str | None = None
    reference: str | None = None

    def __post_init__(self) -> None:
        if self.dtype not in get_args(DType):
            raise ConfigError(f"there is no dtype {self.dtype!r}", hint=f"use {', '.join(get_args(DType))}")
        for name in ("batch_tokens", "max_length"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"{name} is {value}", hint="give a positive number")
