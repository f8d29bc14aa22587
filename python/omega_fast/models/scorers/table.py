"""The one table of scorers: which shapes there are, how each is told, and the loader."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from omega_fast.backends.hub_names import check_model_name, hub_file
from omega_fast.errors import BackendError, ConfigError
from omega_fast.models.ledger_policy.location import EMBEDDED_POLICY
from omega_fast.models.scorers.options import ScorerOptions
from omega_fast.records import StepScorer

__all__ = ["SHAPES", "Shape", "load_scorer", "scores_by_prefix"]

_EXTRAS = {"torch": "torch", "transformers": "torch", "safetensors": "torch", "httpx": "openai"}
_OWN_CARD = "prm.json"
_CONFIG = "config.json"
_FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Shape:
    """A kind of checkpoint.

    Attributes:
        name: What the user calls it.
        description: One line: how it marks steps and what says how right they are.
        fits: Whether a checkpoint's `config.json` says that it is one. Never true where that file cannot say.
        loader: Where it is loaded, as `module:function`, so that nothing heavy is imported before.
        by_prefix: Whether a step's score is the same in every longer solution.
        chats: Whether it is a chat model behind a server, which has it under the scorer's name.
        in_vllm: Whether vLLM and its server run it as a token classifier.
        writes: Whether it writes critiques, in torch or behind a server that has it under the scorer's name.
    """

    name: str
    description: str
    fits: Callable[[Mapping[str, Any]], bool]
    loader: str
    by_prefix: bool
    chats: bool = False
    in_vllm: bool = False
    writes: bool = False


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
            by_prefix=True,
            in_vllm=True,
        ),
        Shape(
            "math-shepherd",
            "a language model; ки behind each step, there the probability of + against -",
            _never,
            "omega_fast.models.scorers.math_shepherd:load",
            by_prefix=True,
        ),
        Shape(
            "rlhflow",
            "a chat model; each step is a turn, the answer to it + or -",
            _never,
            "omega_fast.models.scorers.rlhflow:load",
            by_prefix=True,
        ),
        Shape(
            "implicit",
            "a language model trained on outcomes; its log-ratio to a reference model, step by step",
            _never,
            "omega_fast.models.scorers.implicit:load",
            by_prefix=False,
        ),
        Shape(
            "judge",
            "a chat model behind a server that writes which step is the first wrong one",
            _never,
            "omega_fast.models.scorers.chat_judge:load",
            by_prefix=False,
            chats=True,
        ),
        Shape(
            "right-wrong",
            "a chat model behind a server; its odds of Right against Wrong as the first word on each step",
            _never,
            "omega_fast.models.scorers.chat_odds:load",
            by_prefix=True,
            chats=True,
        ),
        Shape(
            "ntp",
            "a language model; a marker behind each step, there a good token against a bad one",
            _never,
            "omega_fast.models.scorers.carded:load_ntp",
            by_prefix=True,
        ),
        Shape(
            "generative",
            "a chat model that criticises each step; its odds of + against - at the verdict, here or behind a server",
            _never,
            "omega_fast.models.scorers.generative:load",
            by_prefix=True,
            writes=True,
        ),
        Shape(
            "critic",
            "the same by the verdicts it writes: the first wrong step, by one greedy sample or the majority of several",
            _never,
            "omega_fast.models.scorers.generative:load_verdicts",
            by_prefix=True,
            writes=True,
        ),
    )
}
"""Every shape by name, in the order in which they are tried. A language model looks like any other: name its shape."""


def scores_by_prefix(name: str, shape: str = "auto") -> bool:
    """Whether a step's score is the same in every longer solution; nobody knows it of a function of one's own."""
    if shape != "auto":
        return SHAPES[shape].by_prefix
    return not _is_function(name, shape)


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
    if _is_function(name, shape):
        if options.server is not None or options.engine != "torch":
            raise ConfigError(
                f"{name} is a function of your own, which runs here", hint="leave out --engine and --base-url"
            )
        return _own(name)
    try:
        return _checkpoint(name, shape, options)
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get(error.name or "")
        if extra is None:
            raise
        raise BackendError(
            f"this scorer needs {error.name}, which is not installed", hint=f"install omega_fast[{extra}]"
        ) from error


def _checkpoint(name: str, shape: str, options: ScorerOptions) -> StepScorer:
    elsewhere = "load_served" if options.server else "load_in_vllm" if options.engine == "vllm" else None
    if shape == "auto" and _head(name) == "generative":
        shape = "generative"
    runs_itself = shape in SHAPES and (SHAPES[shape].chats or SHAPES[shape].writes)
    if elsewhere is not None and not runs_itself:
        if shape != "auto" and not SHAPES[shape].in_vllm:
            raise ConfigError(
                f"shape {shape} is scored in torch alone",
                hint="leave out --engine and --base-url, or --shape",
            )
        made: StepScorer = getattr(import_module("omega_fast.models.scorers.token_scorer"), elsewhere)(
            name, options
        )
        return made
    has_card = (Path(name) / _OWN_CARD).is_file()
    if not (
        options.server or has_card or (shape in SHAPES and SHAPES[shape].chats) or name == EMBEDDED_POLICY
    ):
        check_model_name(name, options.revision)
    if shape == "auto" and has_card:
        scorer: StepScorer = import_module("omega_fast.models.scorers.carded").load(name, options)
        return scorer
    chosen = SHAPES[shape] if shape != "auto" else _shape_of(name, options.revision)
    module, _, function = chosen.loader.partition(":")
    loaded: StepScorer = getattr(import_module(module), function)(name, options)
    return loaded


def _is_function(name: str, shape: str) -> bool:
    """A chat model may be served as `name:tag`."""
    chats = shape in SHAPES and (SHAPES[shape].chats or SHAPES[shape].writes)
    return not chats and bool(_FUNCTION.fullmatch(name)) and not Path(name).exists()


def _head(name: str) -> str:
    """What the card in a folder says of its head; empty without one."""
    try:
        return str(json.loads((Path(name) / _OWN_CARD).read_bytes())["head"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


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
    path = hub_file(name, _CONFIG, revision) if not Path(name).is_dir() else Path(name, _CONFIG)
    try:
        config = json.loads("" if path is None else path.read_text())
    except (OSError, ValueError) as error:
        raise BackendError(f"cannot read {path}: {error}", hint="check that the model is whole") from error
    for each in SHAPES.values():
        if each.fits(config):
            return each
    architecture = ", ".join(config.get("architectures") or ()) or "unknown architecture"
    named = "; ".join(f"{each.name}: {each.description}" for each in SHAPES.values())
    raise BackendError(
        f"nothing in {name!r} ({architecture}) says how it scores steps", hint=f"give --shape. {named}"
    )
