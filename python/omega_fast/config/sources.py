"""Where settings come from: presets, recipe files, the environment. Each source is a name and its values."""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from omega_fast.config.fields import settings_of
from omega_fast.config.schema import AnnotateConfig
from omega_fast.errors import ConfigError

__all__ = [
    "ENVIRONMENT_PREFIX",
    "Source",
    "check_names",
    "from_environment",
    "from_recipe",
    "from_text",
    "read_mapping",
]

ENVIRONMENT_PREFIX = "OMEGA_"

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\"}
_SETTINGS = {each.name: each for each in settings_of(AnnotateConfig)}
_NOT_SETTINGS = ("preset", "recipe")


@dataclass(frozen=True, slots=True)
class Source:
    """Some settings and where they stand, as an error would name it: `recipe gsm8k.yaml`."""

    name: str
    values: Mapping[str, Any]


def from_text(values: Mapping[str, Any]) -> dict[str, Any]:
    r"""Settings that were given as text, with the escapes of those that take them undone.

    >>> from_text({"separator": r"\n", "prompt_template": r"\nu is {problem}"})
    {'separator': '\n', 'prompt_template': '\\nu is {problem}'}
    """
    return {
        name: _unescaped(value) if name in _SETTINGS and _SETTINGS[name].escapes else value
        for name, value in values.items()
    }


def from_environment(env: Mapping[str, str]) -> Source:
    """The settings among `OMEGA_*` variables; `stop` is one text or a JSON list of texts.

    Variables that are no setting are left alone, for other programs may use them, unless they are nearly one.

    Raises:
        ConfigError: A variable is a misspelt setting.
    """
    values: dict[str, Any] = {}
    for variable, text in env.items():
        name = variable.removeprefix(ENVIRONMENT_PREFIX).lower()
        if not variable.startswith(ENVIRONMENT_PREFIX) or name in _NOT_SETTINGS:
            continue
        if name in _SETTINGS:
            values[name] = _texts(text) if name == "stop" else text
        elif near := difflib.get_close_matches(name, _SETTINGS, n=1, cutoff=0.85):
            raise ConfigError(
                f"environment variable {variable} is no setting",
                hint=f"did you mean {ENVIRONMENT_PREFIX}{near[0].upper()}",
            )
    return Source("the environment", from_text(values))


def from_recipe(path: Path) -> tuple[str | None, Source]:
    """A recipe in YAML, TOML or JSON, by its suffix: settings by name, and perhaps the `preset` they rest on.

    Raises:
        ConfigError: The file cannot be read, is of no such kind, or is not a flat mapping.
    """
    content = read_mapping(path, "recipe")
    preset = content.pop("preset", None)
    if not isinstance(preset, str | None):
        raise ConfigError(f"recipe {path}: preset is not a name", hint="write `preset: openr`")
    source = Source(f"recipe {path}", {name.replace("-", "_"): value for name, value in content.items()})
    check_names(source)
    return preset, source


def read_mapping(path: Path, what: str = "configuration") -> dict[str, Any]:
    """The mapping in a YAML, TOML or JSON file; an error calls the file `what`. Raises like `from_recipe`."""
    readers: dict[str, Callable[[str], Any]] = {
        ".yaml": yaml.safe_load,
        ".yml": yaml.safe_load,
        ".toml": tomllib.loads,
        ".json": json.loads,
    }
    if path.suffix not in readers:
        raise ConfigError(f"{what} {path} is of no known kind", hint=f"end its name in {', '.join(readers)}")
    try:
        content = readers[path.suffix](path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        place = " ".join(str(error).split())
        raise ConfigError(
            f"{what} {path} cannot be read: {place}", hint="check its path and syntax"
        ) from error
    content = {} if content is None else content
    if not isinstance(content, dict) or not all(isinstance(name, str) for name in content):
        raise ConfigError(f"{what} {path} is not a mapping", hint="write one `setting: value` a line")
    return content


def check_names(source: Source, known: Collection[str] = _SETTINGS.keys()) -> None:
    """Raise `ConfigError` for the first name of `source` that is no setting, with the nearest that is."""
    for name in source.values:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise ConfigError(
                f"{name} from {source.name} is no setting",
                hint=f"did you mean {near[0]}" if near else "`omega annotate --help` lists the settings",
            )


def _unescaped(value: Any) -> Any:
    if isinstance(value, str):
        return re.sub(r"\\([ntr\\])", lambda match: _ESCAPES[match[1]], value)
    if isinstance(value, list | tuple):
        return tuple(_unescaped(each) for each in value)
    return value


def _texts(text: str) -> tuple[str, ...]:
    if text.startswith("["):
        try:
            texts = json.loads(text)
        except ValueError as error:
            raise ConfigError(
                f"environment variable {ENVIRONMENT_PREFIX}STOP is not a JSON list: {error}",
                hint='write one text, or a list like ["Question:", "Q:"]',
            ) from error
        return tuple(texts)
    return (text,)
