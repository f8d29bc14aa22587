"""The one table of scorers: which shapes there are, how each is told, and the loader."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from omega_fast.errors import BackendError, ConfigError
from omega_fast.models.scorers.options import ScorerOptions
from omega_fast.records import StepScorer

__all__ = ["SHAPES", "Shape", "load_scorer"]

_OWN_CARD = "prm.json"
_FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Shape:
    """A kind of checkpoint.

    Attributes:
        name: What the user calls it.
        description: One line: how it marks steps and what says how right they are.
        fits: Whether a checkpoint's `config.json` says that it is one. Never true where that file cannot say.
        loader: Where it is loaded, as `module:function`, so that nothing heavy is imported before.
    """

    name: str
    description: str
    fits: Callable[[Mapping[str, Any]], bool]
    loader: str


def _is_qwen(config: Mapping[str, Any]) -> bool:
    return "Qwen2ForProcessRewardModel" in (config.get("architectures") or ())


def _never(_: Mapping[str, Any]) -> bool:
    return False


SHAPES: Mapping[str, Shape] = {
    each.name: each
    for each in (
        Shape(
            "qwen-prm",
            "Qwen2.5-Math-PRM: <extra_0> behind each step, two classes from a head of two layers",
            _is_qwen,
            "omega_fast.models.scorers.qwen_prm:load",
        ),
        Shape(
            "math-shepherd",
            "a language model; ки behind each step, there the probability of + against -",
            _never,
            "omega_fast.models.scorers.math_shepherd:load",
        ),
        Shape(
            "rlhflow",
            "a chat model; each step is a turn, the answer to it + or -",
            _never,
            "omega_fast.models.scorers.rlhflow:load",
        ),
        Shape(
            "implicit",
            "a language model trained on outcomes; its log-ratio to a reference model, step by step",
            _never,
            "omega_fast.models.scorers.implicit:load",
        ),
        Shape(
            "ntp",
            "a language model; a marker behind each step, there a good token against a bad one",
            _never,
            "omega_fast.models.scorers.carded:load_ntp",
        ),
    )
}
"""Every shape by name, in the order in which they are tried. A language model looks like any other: name its shape."""


def load_scorer(
    name: str,
    shape: str = "auto",
    options: ScorerOptions = ScorerOptions(),  # noqa: B008 - frozen
) -> StepScorer:
    """The scorer that `name` asks for.

    Args:
        name: A folder or hub name of a checkpoint in safetensors, or `module:function`: a function of your own that
            takes no arguments and returns a scorer.
        shape: A key of `SHAPES`, or `auto`: what `omega train` wrote is known by its `prm.json`, others by
            `config.json`.
        options: Where and how it runs; a function of your own does not see them.

    Raises:
        ConfigError: There is no such shape or function.
        BackendError: The checkpoint cannot be loaded, or nothing says how it scores.
    """
    if shape != "auto" and shape not in SHAPES:
        raise ConfigError(f"unknown shape {shape!r}", hint=f"use auto or one of {', '.join(SHAPES)}")
    if _FUNCTION.fullmatch(name) and not Path(name).exists():
        return _own(name)
    try:
        return _checkpoint(name, shape, options)
    except ModuleNotFoundError as error:
        if error.name not in {"torch", "transformers", "safetensors"}:
            raise
        raise BackendError(
            f"a checkpoint needs {error.name}, which is not installed", hint="install omega_fast[torch]"
        ) from error


def _checkpoint(name: str, shape: str, options: ScorerOptions) -> StepScorer:
    if shape == "auto" and (Path(name) / _OWN_CARD).is_file():
        scorer: StepScorer = import_module("omega_fast.models.scorers.carded").load(name, options)
        return scorer
    chosen = SHAPES[shape] if shape != "auto" else _shape_of(name, options.revision)
    module, _, function = chosen.loader.partition(":")
    loaded: StepScorer = getattr(import_module(module), function)(name, options)
    return loaded


def _own(name: str) -> StepScorer:
    module, _, function = name.partition(":")
    try:
        made: StepScorer = getattr(import_module(module), function)()
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"cannot load scorer {name}: {error}", hint="check that its module is on the Python path"
        ) from error
    if not callable(getattr(made, "score_many", None)):
        raise ConfigError(
            f"scorer {name} returned {type(made).__name__}, which has no score_many",
            hint="return an object whose score_many takes a list of (problem, steps)",
        )
    return made


def _shape_of(name: str, revision: str | None) -> Shape:
    from transformers.utils.hub import cached_file  # noqa: PLC0415 - it takes a second

    try:
        config = json.loads(Path(str(cached_file(name, "config.json", revision=revision))).read_text())
    except (OSError, ValueError) as error:
        raise BackendError(
            f"cannot load scorer {name!r}: {str(error).splitlines()[0]}",
            hint="give a folder or hub name with config.json, or a function as module:function",
        ) from error
    for each in SHAPES.values():
        if each.fits(config):
            return each
    architecture = ", ".join(config.get("architectures") or ()) or "unknown architecture"
    named = "; ".join(f"{each.name}: {each.description}" for each in SHAPES.values())
    raise BackendError(
        f"nothing in {name!r} ({architecture}) says how it scores steps", hint=f"give --shape. {named}"
    )
