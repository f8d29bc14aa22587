"""The options by which commands of `omega eval` name a scorer and say how it is run."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, get_args

import typer
from pydantic import ValidationError

from omega_fast.backends.server_settings import ServedModel
from omega_fast.cli.checked import checked
from omega_fast.cli.outcome import Outcome
from omega_fast.config.fields import object_from_text
from omega_fast.errors import ConfigError
from omega_fast.models.prm_card import RESERVED_TOKEN
from omega_fast.models.scorers.implicit_settings import COEFFICIENT
from omega_fast.models.scorers.options import Judging, ScorerOptions
from omega_fast.models.scorers.table import SHAPES

__all__ = ["ScorerFlags", "prm_flags", "scorer_of", "with_scorer"]


@dataclass(frozen=True, slots=True)
class ScorerFlags:
    """A scorer as the command line names it: the model, how it marks steps, how it is run."""

    prm: str | None
    shape: str
    options: ScorerOptions


def _flag(kind: Any, name: str, default: Any, metavar: str, meaning: str) -> inspect.Parameter:
    option = typer.Option(metavar=metavar, help=meaning, show_default=default is not None)
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option]
    )


_FLAGS = (
    _flag(
        str | None,
        "prm",
        None,
        "MODEL",
        "A folder or hub name in safetensors, module:function of your own, or a served chat model.",
    ),
    _flag(
        str,
        "shape",
        "auto",
        f"[auto|{'|'.join(SHAPES)}]",
        "How the model marks steps, where its files do not say.",
    ),
    _flag(
        str | None, "reference", None, "MODEL", "For --shape implicit: the model that training began from."
    ),
    _flag(
        float,
        "coefficient",
        COEFFICIENT,
        "NUMBER",
        "For --shape implicit: what log-ratios are multiplied with.",
    ),
    _flag(
        str,
        "prm_token",
        RESERVED_TOKEN,
        "TEXT",
        "For --shape ntp: the token behind each step, where it is judged.",
    ),
    _flag(
        str,
        "begin_of_action_token",
        RESERVED_TOKEN,
        "TEXT",
        "For --shape ntp: the token before each step; none if it is empty or the same.",
    ),
    _flag(str, "good_token", "+", "TEXT", "For --shape ntp: the token that comes next after a right step."),
    _flag(str, "bad_token", "-", "TEXT", "For --shape ntp: the token that comes next after a wrong step."),
    _flag(str | None, "tokenizer", None, "MODEL", "Where the tokenizer is, if it is not with the model."),
    _flag(str, "device", "auto", "TEXT", "cpu, cuda, cuda:1, ...; auto takes a GPU if there is one."),
    _flag(
        str, "dtype", "auto", "[auto|float32|bfloat16|float16]", "Of weights and computation; auto as saved."
    ),
    _flag(int, "batch_tokens", 8192, "INTEGER", "Tokens of one forward pass."),
    _flag(
        int | None, "max_length", None, "INTEGER", "Tokens a solution may have; longer ones are set aside."
    ),
    _flag(str, "engine", "torch", "[torch|vllm]", "What runs the model here."),
    _flag(str | None, "engine_args", None, "JSON", "Further arguments of vLLM by its names."),
)
_OF_JUDGES = {
    "samples": _flag(
        int,
        "judge_samples",
        1,
        "INTEGER",
        "For --shape judge and critic: verdicts on a solution; one is greedy.",
    ),
    "temperature": _flag(float, "judge_temperature", 0.7, "NUMBER", "For the same: of several verdicts."),
    "max_new_tokens": _flag(
        int,
        "judge_max_tokens",
        4096,
        "INTEGER",
        "For the same, and generative models: of a verdict with its reasons.",
    ),
}
_OF_SERVERS = {
    "base_url": _flag(
        str | None, "base_url", None, "URL", "Ask a server that runs the model, as omega serve starts it."
    ),
    "model": _flag(
        str | None, "served_model", None, "NAME", "What the server calls the model; by default what it has."
    ),
    "api_key_env": _flag(
        str | None, "api_key_env", None, "VARIABLE", "Holds the server's key; by default OPENAI_API_KEY."
    ),
    "slots": _flag(int | None, "slots", None, "INTEGER", "Requests in flight; by default 64."),
    "request_timeout": _flag(
        float | None, "request_timeout", None, "SECONDS", "Longest wait for one try; by default 600."
    ),
    "retries": _flag(int | None, "retries", None, "INTEGER", "Further tries of a request; by default 5."),
}
"""The flags of a server by the names of its settings."""

_ALL = (*_FLAGS, *_OF_SERVERS.values(), *_OF_JUDGES.values())
_PUBLISHED = {"prm": ("--prm", "--model-name"), "base_url": ("--base-url", "--api-url")}
"""Flags that GroundedPRM's evaluation spells otherwise; beside a policy these words are the policy's."""

_OF_SCORERS_ALONE = {
    "prm",
    "shape",
    "reference",
    "coefficient",
    "prm_token",
    "begin_of_action_token",
    "good_token",
    "bad_token",
    *(each.name for each in _OF_JUDGES.values()),
}


def prm_flags() -> tuple[inspect.Parameter, ...]:
    """The same options where a policy has options like them: those that a policy may have too begin with `prm_`."""
    return tuple(each.replace(name=_beside_a_policy(each.name)) for each in _ALL)


def scorer_of(arguments: dict[str, Any]) -> ScorerFlags:
    """Take the values of `prm_flags` out of a command's arguments. Raises `ConfigError` if they do not fit."""
    return _flags({each.name: arguments.pop(_beside_a_policy(each.name)) for each in _ALL}, prefix="prm_")


def with_scorer(function: Callable[..., Outcome]) -> Callable[..., Outcome]:
    """`function` with these options instead of its parameter `scorer: ScorerFlags`."""

    def read(arguments: dict[str, Any]) -> ScorerFlags:
        return _flags({each.name: arguments.pop(each.name) for each in _ALL})

    def run(**arguments: Any) -> Outcome:
        return function(scorer=read(arguments), **arguments)

    signature = inspect.signature(function, eval_str=True)
    own = [
        each.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for each in signature.parameters.values()
        if each.name != "scorer"
    ]
    run.__signature__ = signature.replace(parameters=[*own, *map(_spelt, _ALL)])  # type: ignore[attr-defined]
    run.__doc__ = function.__doc__
    return checked(run, lambda **arguments: read(arguments))


def _spelt(flag: inspect.Parameter) -> inspect.Parameter:
    """The flag, under its published name as well if it has one."""
    kind, option = get_args(flag.annotation)
    words = _PUBLISHED.get(flag.name, ())
    made = typer.Option(*words, metavar=option.metavar, help=option.help, show_default=option.show_default)
    return flag.replace(annotation=Annotated[kind, made]) if words else flag


def _beside_a_policy(name: str) -> str:
    return name if name in _OF_SCORERS_ALONE else f"prm_{name}"


def _flags(given: dict[str, Any], prefix: str = "") -> ScorerFlags:
    """What the flags come to; messages about a server's flags give them this prefix."""
    said = {name: given.pop(each.name) for name, each in _OF_SERVERS.items()}
    judging = Judging(**{name: given.pop(each.name) for name, each in _OF_JUDGES.items()})
    prm, shape = given.pop("prm"), given.pop("shape")
    given["engine_args"] = _object(given["engine_args"])
    options = ScorerOptions(server=_server(said, prefix), judging=judging, **given)
    return ScorerFlags(prm, shape, options)


def _server(said: dict[str, Any], prefix: str) -> ServedModel | None:
    """The server that the flags name. Raises `ConfigError` for flags of a server that none is named for."""
    given = {name: value for name, value in said.items() if value is not None}
    if not given:
        return None
    if "base_url" not in given:
        raise ConfigError(
            f"{prefix}{_OF_SERVERS[next(iter(given))].name} is given, but no server is",
            hint=f"name one with --{prefix.replace('_', '-')}base-url",
        )
    try:
        return ServedModel(**given)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_context=False)[0]
        name = prefix + _OF_SERVERS[str(fault["loc"][0])].name
        raise ConfigError(f"{name}: {fault['msg'].lower()}", hint="--help lists the flags") from error


def _object(text: str | None) -> dict[str, Any]:
    try:
        found = object_from_text(text or "{}")
    except ValueError as error:
        raise ConfigError(f"engine_args: {error}", hint="quote it for the shell") from error
    if not isinstance(found, dict):
        raise ConfigError("engine_args is no JSON object", hint='write one such as {"max_num_seqs": 32}')
    return found
