"""Named sets of settings, and the settings a model asks for itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from omega_fast.config.schema import EMBEDDED_POLICY
from omega_fast.errors import ConfigError
from omega_fast.models.ledger_policy import ASSETS

__all__ = ["AUTO", "GUIDED_PRESETS", "PRESETS", "generation_settings"]

AUTO = "auto"
"""The preset that takes the sampling from the model's own `generation_config.json`."""

# What the published rule says beside its numbers; our defaults go other ways, or may one day.
_AS_PUBLISHED: Mapping[str, Any] = {
    "locate": "binary",
    "right_leaves": "root",
    "soft_rollouts": 0,
    "no_answer": "wrong",
    "truncated": "wrong",
}

PRESETS: Mapping[str, Mapping[str, Any]] = {
    # the defaults of openr's OmegaPRM runner, whose lengths count words
    "openr": {
        **_AS_PUBLISHED,
        "max_new_tokens": 2048,
        "temperature": 0.7,
        "top_k": 30,
        "top_p": 0.9,
        "c_puct": 0.125,
        "alpha": 0.5,
        "beta": 0.9,
        "length_scale": 500.0,
        "length_unit": "words",
        "num_rollouts": 16,
        "root_rollouts": 0,
        "max_search_count": 20,
        "rollout_budget": 200,
    },
    # arXiv 2406.06592, with its screening of questions; it limits searches alone, so the limit on rollouts is
    # set out of reach
    "paper": {
        **_AS_PUBLISHED,
        "alpha": 0.5,
        "beta": 0.9,
        "length_scale": 500.0,
        "length_unit": "tokens",
        "c_puct": 0.125,
        "num_rollouts": 8,
        "root_rollouts": 32,
        "max_search_count": 100,
        "rollout_budget": 100_000,
    },
    # reward-guided greedy search as GroundedPRM evaluates with it (arXiv 2510.14942): see GUIDED_PRESETS; steps end in
    # a blank line, which is the default, or where the task says
    "grounded": {},
    "ledger": {
        "separator": "\n",
        "prompt_template": "{problem}\n",
        "chat": False,
        "temperature": 1.0,
        "top_k": 0,
        "top_p": 1.0,
        "max_new_tokens": 128,
    },
}
"""Settings by preset; `auto` is not among them, as it depends on the model."""

GUIDED_PRESETS: Mapping[str, Mapping[str, Any]] = {
    "grounded": {"method": "greedy", "beam_width": 8, "max_steps": 30},
}
"""What a preset says of guided search: the best of 8 proposed steps each time, at most 30 of them."""

_HINT = "give temperature, top_k, top_p and max_new_tokens yourself instead of preset auto"
_FILE = "generation_config.json"
# What transformers samples with where the file says nothing.
_WHERE_SILENT = {"temperature": 1.0, "top_k": 50, "top_p": 1.0}


def generation_settings(model: str, revision: str | None = None) -> dict[str, Any]:
    """The sampling that a model's own `generation_config.json` asks for.

    Args:
        model: Folder or hub name, or `ledger-policy`.
        revision: Branch, tag or commit of a hub name.

    Returns:
        `temperature`, `top_k`, `top_p`, and `max_new_tokens` where the file has it.

    Raises:
        ConfigError: There is no such file, it cannot be read, or it asks for greedy decoding.
    """
    path = _find(model, revision)
    try:
        said = dict(json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(
            f"the generation settings of {model} cannot be read: {error}",
            hint=_HINT,
        ) from error
    if not said.get("do_sample", False):
        raise ConfigError(
            f"{model} asks for greedy decoding: all draws from a state would be the same",
            hint=_HINT,
        )
    settings = {
        name: default if said.get(name) is None else said[name] for name, default in _WHERE_SILENT.items()
    }
    if said.get("max_new_tokens") is not None:
        settings["max_new_tokens"] = said["max_new_tokens"]
    return settings


def _find(model: str, revision: str | None) -> Path:
    if model == EMBEDDED_POLICY:
        return ASSETS / _FILE
    folder = Path(model)
    path = folder / _FILE if folder.is_dir() else _fetched(model, revision)
    if not path.is_file():
        raise ConfigError(f"{model} has no {_FILE}", hint=_HINT)
    return path


def _fetched(model: str, revision: str | None) -> Path:
    try:
        hub = import_module("huggingface_hub")
    except ImportError as error:
        raise ConfigError(f"{model} is no folder", hint="install omega_fast[torch] for hub names") from error
    try:
        return Path(hub.hf_hub_download(model, _FILE, revision=revision))
    except (hub.errors.HfHubHTTPError, hub.errors.HFValidationError, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise ConfigError(f"{_FILE} of {model} cannot be fetched: {reason}", hint=_HINT) from error
