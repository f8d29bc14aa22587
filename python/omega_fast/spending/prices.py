"""What tokens cost, from a price file."""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from omega_fast.errors import ConfigError
from omega_fast.records import Usage

__all__ = ["Prices", "read_prices"]

_DEAREST = Decimal(10) ** 12
_MILLION = Decimal(1_000_000)
_NAMES = ("prompt", "cached_prompt", "generated")
_EXAMPLE = "models: {NAME: {prompt: 0.15, cached_prompt: 0.07, generated: 0.6}}, per million tokens"
_READERS: Mapping[str, Callable[[str], Any]] = {
    ".yaml": yaml.safe_load,
    ".yml": yaml.safe_load,
    ".toml": partial(tomllib.loads, parse_float=Decimal),
    ".json": partial(json.loads, parse_float=Decimal),
}


@dataclass(frozen=True, slots=True)
class Prices:
    """What a million tokens of a model cost, exact.

    Attributes:
        prompt: Of prompt and prefix.
        cached_prompt: Of those the server had in its cache.
        generated: Of the continuation.
        currency: Free text; may be empty.
    """

    prompt: Decimal
    cached_prompt: Decimal
    generated: Decimal
    currency: str = ""

    def cost(self, usage: Usage) -> Decimal:
        """What these tokens cost."""
        fresh = usage.prompt - usage.cached
        total = fresh * self.prompt + usage.cached * self.cached_prompt + usage.generated * self.generated
        return total / _MILLION

    def at_most(self, usage: Usage) -> Decimal:
        """What these tokens cost at most, whatever of the prompt is cached."""
        dearer = max(self.prompt, self.cached_prompt)
        return (usage.prompt * dearer + usage.generated * self.generated) / _MILLION


def read_prices(path: Path, model: str) -> Prices:
    """The prices of a model in a YAML, TOML or JSON file.

    The file holds `models`, a mapping of model names to `prompt`, `generated` and perhaps `cached_prompt` (by default
    as `prompt`), all per million tokens, and perhaps `currency`.

    Raises:
        ConfigError: If the file cannot be read, lacks the model, or holds a price that is no price.
    """
    content = _read(path)
    if unknown := next((name for name in content if name not in ("models", "currency")), None):
        raise ConfigError(f"price file {path}: {unknown!r} is not known", hint=f"write {_EXAMPLE}")
    models, currency = content.get("models"), content.get("currency", "")
    if not isinstance(models, dict):
        raise ConfigError(f"price file {path} has no mapping `models`", hint=f"write {_EXAMPLE}")
    if not isinstance(currency, str):
        raise ConfigError(f"price file {path}: currency {currency!r} is no text", hint="write currency: EUR")
    if model not in models:
        named = [str(name) for name in models]
        near = difflib.get_close_matches(model, named, n=1)
        has = ", ".join(named[:5]) + (", ..." if len(named) > 5 else "")
        raise ConfigError(
            f"price file {path} has no prices of {model!r}; it has {has or 'none'}",
            hint=f"did you mean {near[0]!r}? prices go by model_name" if near else f"write {_EXAMPLE}",
        )
    prices = models[model]
    if not isinstance(prices, dict):
        raise ConfigError(f"price file {path}: {model} has no mapping of prices", hint=f"write {_EXAMPLE}")
    if unknown := next((name for name in prices if name not in _NAMES), None):
        raise ConfigError(
            f"price file {path}: {model}.{unknown} is not known", hint=f"use {', '.join(_NAMES)}"
        )
    found = {name: _price(path, model, name, value) for name, value in prices.items()}
    if missing := next((name for name in ("prompt", "generated") if name not in found), None):
        raise ConfigError(
            f"price file {path}: {model}.{missing} is missing", hint=f"write {_EXAMPLE}; 0 if it is free"
        )
    cached = found.get("cached_prompt", found["prompt"])
    return Prices(found["prompt"], cached, found["generated"], currency.strip())


def _read(path: Path) -> dict[str, Any]:
    if path.suffix not in _READERS:
        raise ConfigError(
            f"price file {path} is of no known kind", hint=f"end its name in {', '.join(_READERS)}"
        )
    try:
        content = _READERS[path.suffix](path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        place = " ".join(str(error).split())
        raise ConfigError(
            f"price file {path} cannot be read: {place}", hint="check its path and syntax"
        ) from error
    if not isinstance(content, dict):
        raise ConfigError(f"price file {path} is not a mapping", hint=f"write {_EXAMPLE}")
    return content


def _price(path: Path, model: str, name: str, value: object) -> Decimal:
    where = f"price file {path}: {model}.{name}"
    try:
        # By way of its shortest text, so that 0.15 is 15 hundredths.
        price = None if isinstance(value, bool) else Decimal(str(value))
    except InvalidOperation:
        price = None
    if price is None or not price.is_finite() or price > _DEAREST:
        raise ConfigError(f"{where} {value!r} is no number", hint="write the price of a million tokens")
    if price < 0:
        raise ConfigError(
            f"{where} {value} is negative", hint="write the price of a million tokens, 0 if free"
        )
    return price
