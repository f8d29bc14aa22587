"""The door to the engines: a backend by its name, imported only when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from omega_fast.backends.base import Backend
from omega_fast.backends.retold import RetoldBackend
from omega_fast.errors import BackendError, ConfigError
from omega_fast.records import Sampling

__all__ = ["BackendSettings", "backend_names", "open_backend", "register_backend"]

_OPENERS = {
    "hf": "omega_fast.backends.transformers:open_transformers",
    "openai": "omega_fast.backends.openai:open_openai",
    "recorded": "omega_fast.backends.recorded:open_recorded",
    "transformers": "omega_fast.backends.transformers:open_transformers",
    "vllm": "omega_fast.backends.vllm:open_vllm",
}


class BackendSettings(BaseModel):
    """Which engine, by its registered name, and the options that engine understands.

    Attributes:
        name: The engine.
        options: Its options.
        reads_plain: Its model was taught the ledger's plain skin alone: stories are told to it in plain words.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = "transformers"
    options: Mapping[str, Any] = Field(default_factory=dict)
    reads_plain: bool = False


def backend_names() -> tuple[str, ...]:
    """All registered names, in order."""
    return tuple(sorted(_OPENERS))


def register_backend(name: str, opener: str) -> None:
    """Make an engine known as `name`.

    Args:
        name: What settings call it.
        opener: `package.module:function`, called with the options and a `Sampling`; returns a `Backend`.

    Raises:
        ConfigError: The name is taken by another opener, or the opener has no colon.
    """
    if ":" not in opener:
        raise ConfigError(
            f"backend opener {opener!r} names no function", hint="write package.module:function"
        )
    if _OPENERS.setdefault(name, opener) != opener:
        raise ConfigError(f"backend {name!r} is registered already", hint="choose another name")


def open_backend(settings: BackendSettings, sampling: Sampling) -> Backend:
    """Start the engine that `settings` name.

    Raises:
        ConfigError: No engine has that name, or it does not understand its options.
        BackendError: A library it needs is missing, or it cannot start.
    """
    if settings.name not in _OPENERS:
        raise ConfigError(
            f"unknown backend {settings.name!r}", hint=f"choose one of {', '.join(backend_names())}"
        )
    module, _, function = _OPENERS[settings.name].partition(":")
    try:
        backend: Backend = getattr(import_module(module), function)(settings.options, sampling)
    except ImportError as error:
        raise BackendError(
            f"backend {settings.name!r} needs a library that is not there: {error}",
            hint="install it: omega_fast[torch] for transformers, omega_fast[vllm] for vllm, omega_fast[openai] "
            "for servers",
        ) from error
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg'].lower()}" for fault in error.errors()
        )
        raise ConfigError(
            f"backend {settings.name!r} cannot take its options: {faults}",
            hint="see the settings of that backend for names and types",
        ) from error
    return RetoldBackend(backend) if settings.reads_plain else backend
