"""What a training of any kind learns from, and the prompt its solutions stand behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from omega_fast.backends.prompts import PromptTemplate
from omega_fast.errors import ConfigError
from omega_fast.models.prm_card import PrmCard
from omega_fast.train.implicit_config import ImplicitConfig
from omega_fast.train.prm_config import PrmConfig

__all__ = ["Encoder", "TrainingData", "template_of"]

Drawn = TypeVar("Drawn")


class Encoder(Protocol):
    """What lays texts out as tokens."""

    tokenizer: Any
    """Of transformers."""


@dataclass(frozen=True, slots=True)
class TrainingData(Generic[Drawn]):
    """What a training learns from.

    Attributes:
        card: How solutions are laid out.
        encoder: The same at work.
        train: What batches are drawn from.
        held: What is held out.
        report: Counts of all this, and of what could not be used, as JSON values; `faults` are by kind, `named` are the
            first of these in words.
        fingerprint: A hash of all rows, in order.
    """

    card: PrmCard
    encoder: Encoder
    train: list[Drawn]
    held: list[Drawn]
    report: Mapping[str, Any]
    fingerprint: str


def template_of(config: PrmConfig | ImplicitConfig, tokenizer: Any, separator: str) -> PromptTemplate:
    """What the model sees of a problem: the configured template, or the usual one.

    Raises:
        ConfigError: If the template never shows the problem.
    """
    is_chat = bool(getattr(tokenizer, "chat_template", None)) if config.chat is None else config.chat
    usual = "{problem}" if is_chat else "{problem}" + separator
    words = usual if config.prompt_template is None else config.prompt_template
    if "{problem}" not in words:
        raise ConfigError("prompt_template never shows the problem", hint="put {problem} where it belongs")
    return PromptTemplate(style="chat" if is_chat else "plain", text=words)
