"""What a model folder says about itself before anything is loaded: is it whole, and what is it for."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from omega_fast.config.schema import EMBEDDED_POLICY
from omega_fast.errors import ConfigError
from omega_fast.models.ledger_policy.location import ASSETS
from omega_fast.serving.settings import ModelSettings, Part

__all__ = ["ServedCheckpoint", "Task", "look_at"]

Task = Literal["generate", "score"]

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_PICKLES = ("*.bin", "*.pt", "*.pth")
_SCORES = ("ForTokenClassification", "ForSequenceClassification", "RewardModel", "ForReward")


@dataclass(frozen=True, slots=True)
class ServedCheckpoint:
    """A checkpoint as far as its configuration tells.

    Attributes:
        source: Its folder, or its hub name.
        name: What it is served as unless told otherwise.
        task: What its architecture is for.
        context: Most tokens of a sequence; `None` if that is not known.
        dtype: The precision it was saved in; `None` if that is not known.
    """

    source: str
    name: str
    task: Task
    context: int | None
    dtype: str | None


def look_at(part: Part, settings: ModelSettings) -> ServedCheckpoint:
    """Read the configuration of a model.

    Raises:
        ConfigError: The folder is not there, lacks configuration or weights, or has pickled weights alone; the
            architecture cannot be told, or does not suit a policy.
    """
    name = settings.model
    folder = ASSETS if name == EMBEDDED_POLICY else Path(name).expanduser()
    if folder.is_dir():
        config: dict[str, Any] | None = _configuration(part, folder)
        _check_weights(part, folder)
        source, own_name = str(folder.resolve()), folder.resolve().name
    else:
        _check_hub_name(part, name)
        config = _cached_configuration(name, settings.revision)
        source, own_name = name, name
    return ServedCheckpoint(
        source=source,
        name=settings.name or (name if name == EMBEDDED_POLICY else own_name),
        task=_task(part, settings, config),
        context=_number(config, "max_position_embeddings"),
        dtype=_dtype(config),
    )


def _configuration(part: Part, folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    try:
        return dict(json.loads(path.read_bytes()))
    except FileNotFoundError as error:
        raise ConfigError(
            f"{part}: {folder} is no model: it has no config.json",
            hint="give the folder that save_pretrained wrote"
            + (f": this is an adapter, for --{part}-adapter" if _is_adapter(folder) else ""),
        ) from error
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(f"{part}: {path} cannot be read: {error}", hint="save the model again") from error


def _is_adapter(folder: Path) -> bool:
    return (folder / "adapter_config.json").is_file()


def _check_weights(part: Part, folder: Path) -> None:
    if any(folder.glob("*.safetensors")):
        return
    pickles = sorted(path.name for pattern in _PICKLES for path in folder.glob(pattern))
    if pickles:
        raise ConfigError(
            f"{part}: {folder} has pickled weights alone ({pickles[0]}), and a pickle can run code",
            hint="load it where you trust it and convert it with model.save_pretrained(folder)",
        )
    raise ConfigError(
        f"{part}: {folder} has no weights", hint="its *.safetensors are missing: copy them there"
    )


def _check_hub_name(part: Part, name: str) -> None:
    if Path(name).expanduser().is_file():
        raise ConfigError(f"{part}: {name} is a file", hint="give the model's folder")
    # `runs/prm` has the form of a hub name too
    if not _HUB_NAME.fullmatch(name) or Path(name).parts[0] in (".", "..") or Path(name).parent.is_dir():
        raise ConfigError(
            f"{part}: there is no folder {name}",
            hint=f"give a model's folder, a hub name as owner/name, or {EMBEDDED_POLICY}",
        )


def _cached_configuration(name: str, revision: str | None) -> dict[str, Any] | None:
    """The configuration of a hub model that was fetched before; nothing is fetched here."""
    try:
        path = import_module("huggingface_hub").try_to_load_from_cache(name, "config.json", revision=revision)
        return dict(json.loads(Path(path).read_bytes())) if isinstance(path, str) else None
    except (ImportError, OSError, ValueError, TypeError):
        return None


def _task(part: Part, settings: ModelSettings, config: dict[str, Any] | None) -> Task:
    architectures = [str(each) for each in (config or {}).get("architectures") or ()]
    scores = any(each.endswith(_SCORES) for each in architectures)
    if part == "policy" and (settings.task == "score" or (settings.task == "auto" and scores)):
        raise ConfigError(
            f"policy: {settings.model} scores and does not write"
            + (f" ({architectures[0]})" if scores else ""),
            hint="give it as --reward",
        )
    if settings.task != "auto":
        return settings.task
    if architectures or part == "policy":
        return "score" if scores else "generate"
    raise ConfigError(
        f"{part}: what {settings.model} is for cannot be told, since its configuration is not on this machine "
        "or names no architecture",
        hint=f"set --{part}-task to score or generate",
    )


def _number(config: dict[str, Any] | None, name: str) -> int | None:
    value = (config or {}).get(name)
    return value if isinstance(value, int) else None


def _dtype(config: dict[str, Any] | None) -> str | None:
    value = (config or {}).get("dtype") or (config or {}).get("torch_dtype")
    return value if value in ("float32", "bfloat16", "float16") else None
