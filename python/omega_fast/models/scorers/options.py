"""How a scorer is run; none of it changes what a model says beyond rounding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from omega_fast.errors import ConfigError
from omega_fast.models.prm_card import RESERVED_TOKEN
from omega_fast.models.scorers.implicit_settings import COEFFICIENT

__all__ = ["DType", "ScorerOptions"]

DType = Literal["auto", "float32", "bfloat16", "float16"]
"""Of weights and computation; `auto` is the one they were saved in."""


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

    Raises:
        ConfigError: A number is not positive, or there is no such type.
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

    def __post_init__(self) -> None:
        if self.dtype not in get_args(DType):
            raise ConfigError(f"there is no dtype {self.dtype!r}", hint=f"use {', '.join(get_args(DType))}")
        for name, least in (("batch_tokens", 1), ("max_length", 1), ("coefficient", _LEAST)):
            value = getattr(self, name)
            if value is not None and not value >= least:
                raise ConfigError(f"{name} is {value}", hint="give a positive number")
