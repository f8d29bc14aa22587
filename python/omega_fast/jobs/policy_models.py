"""Policies as they are named: a checkpoint, or a base model with an adapter."""

from __future__ import annotations

import json
from pathlib import Path

from omega_fast.config import EMBEDDED_POLICY, AnnotateConfig
from omega_fast.errors import ConfigError
from omega_fast.policy_summary import NamedPolicy

__all__ = ["config_of", "is_adapter"]

_ADAPTER = "adapter_config.json"


def is_adapter(model: str) -> bool:
    """Whether a folder holds a LoRA adapter rather than a model of its own."""
    return (Path(model) / _ADAPTER).is_file() and not (Path(model) / "config.json").is_file()


def config_of(config: AnnotateConfig, policy: NamedPolicy) -> AnnotateConfig:
    """The configuration with this policy in it. An adapter's base is the one that it names, or `model_name` if set.

    Raises:
        ConfigError: The folder is an adapter that cannot be read.
    """
    if not is_adapter(policy.model):
        return config.model_copy(update={"model_name": policy.model, "adapter": None})
    folder = Path(policy.model)
    base = config.model_name
    if base == EMBEDDED_POLICY:
        try:
            base = str(json.loads((folder / _ADAPTER).read_bytes())["base_model_name_or_path"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f"adapter {folder} does not say what it adapts: {error}",
                hint="name its base with --model-name",
            ) from error
    return config.model_copy(update={"model_name": base, "adapter": folder})
