"""One configuration out of defaults, preset, recipe, environment and keywords; errors name the source."""

from __future__ import annotations

import os
import reprlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from omega_fast.config.fields import settings_of
from omega_fast.config.presets import AUTO, PRESETS, generation_settings
from omega_fast.config.schema import EMBEDDED_POLICY, LEDGER, UNSHOWN, AnnotateConfig
from omega_fast.config.sources import (
    ENVIRONMENT_PREFIX,
    Source,
    check_names,
    from_environment,
    from_recipe,
    from_text,
)
from omega_fast.errors import ConfigError

__all__ = ["changed", "resolve"]

_SPLITS = ("separator", "split_pattern", "split_tokens")
_DESCRIPTIONS = {each.name: each.description for each in settings_of(AnnotateConfig)}


def resolve(
    preset: str | None = None,
    recipe: Path | str | None = None,
    env: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
    *,
    overrides_from: str = "keywords",
) -> AnnotateConfig:
    """The configuration of a run.

    A later source wins: defaults, the `ledger` preset where the questions are the embedded task's, `preset`,
    `recipe`, environment, `overrides`. A source that sets one way to split takes back the ways set before it.

    Args:
        preset: A name of `PRESETS`, or `auto`; by default `OMEGA_PRESET`, then what the recipe says.
        recipe: A YAML, TOML or JSON file of settings; by default `OMEGA_RECIPE`.
        env: The environment; that of the process by default.
        overrides: Settings by name; `None` among them counts as not given.
        overrides_from: What an error calls the source of `overrides`.

    Raises:
        ConfigError: A source names no setting or a wrong value, or two settings contradict each other.
    """
    env = os.environ if env is None else env
    given = {name: value for name, value in (overrides or {}).items() if value is not None}
    keywords = Source(overrides_from, given)
    check_names(keywords)
    recipe = recipe or env.get(f"{ENVIRONMENT_PREFIX}RECIPE") or None
    recipe_preset, recipe_source = from_recipe(Path(recipe)) if recipe else (None, Source("no recipe", {}))
    preset = preset or env.get(f"{ENVIRONMENT_PREFIX}PRESET") or recipe_preset
    explicit = [recipe_source, from_environment(env), keywords]
    return _validated([*_presets(preset, explicit), *explicit])


def changed(
    config: AnnotateConfig, changes: Mapping[str, Any], *, changes_from: str = "keywords"
) -> AnnotateConfig:
    """The same configuration with some settings changed; `none` as text takes back one that may be absent.

    Args:
        config: What it was.
        changes: New values by setting; text is read as elsewhere.
        changes_from: What an error calls their source.

    Raises:
        ConfigError: They name no setting or a wrong value, or contradict the others.
    """
    texts = from_text(changes)
    check_names(Source(changes_from, texts))
    given = {name: None if _is_absent(name, value) else value for name, value in texts.items()}
    values = config.model_dump()
    ways = [name for name in _SPLITS if given.get(name) is not None]
    if len(ways) > 1:
        raise ConfigError(f"{' and '.join(ways)} exclude each other", hint="keep one of them")
    if ways:
        values |= dict.fromkeys(("split_pattern", "split_tokens"))
    try:
        return AnnotateConfig(**{**values, **given})
    except ValidationError as error:
        raise _explained(error, dict.fromkeys(given, changes_from)) from error


def _is_absent(name: str, value: Any) -> bool:
    return value == "none" and type(None) in get_args(AnnotateConfig.model_fields[name].annotation)


def _presets(preset: str | None, explicit: Sequence[Source]) -> list[Source]:
    said, _ = _merged(explicit)
    sources = []
    if str(said.get("question_file", "")).strip() == LEDGER and preset != LEDGER:
        sources.append(Source(f"preset {LEDGER}", PRESETS[LEDGER]))
    if preset == AUTO:
        model = str(said.get("model_name", EMBEDDED_POLICY)).strip()
        sources.append(Source(f"preset {AUTO}", generation_settings(model, said.get("revision"))))
    elif preset is not None:
        if preset not in PRESETS:
            raise ConfigError(
                f"there is no preset {preset!r}", hint=f"use one of {', '.join([*PRESETS, AUTO])}"
            )
        sources.append(Source(f"preset {preset}", PRESETS[preset]))
    return sources


def _merged(sources: Sequence[Source]) -> tuple[dict[str, Any], dict[str, str]]:
    """The values and, by name, the source each comes from."""
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for source in sources:
        if any(source.values.get(name) is not None for name in _SPLITS):
            for name in _SPLITS:
                values.pop(name, None)
        for name, value in source.values.items():
            values[name], origins[name] = value, source.name
    return values, origins


def _validated(sources: Sequence[Source]) -> AnnotateConfig:
    values, origins = _merged(sources)
    if "question_file" not in values:
        raise ConfigError(
            "question_file is not set",
            hint="give a JSON or JSON Lines file, or 'ledger' for the embedded task",
        )
    if sum(values.get(name) is not None for name in _SPLITS) > 1:
        raise ConfigError(
            "separator, split_pattern and split_tokens exclude each other", hint="keep one of them"
        )
    try:
        config = AnnotateConfig(**values)
    except ValidationError as error:
        raise _explained(error, origins) from error
    if config.question_file != LEDGER and config.model_type == "hf" and "model_name" not in values:
        absent = "" if Path(config.question_file).exists() else ", which is not there either"
        raise ConfigError(
            f"model_name is not set, and the embedded policy cannot solve {config.question_file}{absent}",
            hint=f"name a model with --model-name, or {EMBEDDED_POLICY} if that is what you want",
        )
    return config


def _explained(error: ValidationError, origins: Mapping[str, str]) -> ConfigError:
    fault = error.errors(include_url=False)[0]
    said = str(fault["msg"]).removeprefix("Value error, ")
    if not fault["loc"]:
        problem, _, remedy = said.rpartition(": ")
        return ConfigError(problem, hint=remedy)
    name = str(fault["loc"][0])
    origin = f" from {origins[name]}" if name in origins else ""
    value = "" if fault["type"] == UNSHOWN else f" {reprlib.repr(fault['input'])}"
    return ConfigError(
        f"{name}{value}{origin}: {said[0].lower()}{said[1:]}",
        hint=f"{name} is: {_DESCRIPTIONS[name]}" if name in _DESCRIPTIONS else "",
    )
