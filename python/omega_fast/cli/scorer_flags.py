"""The options by which commands of `omega eval` name a scorer and say how it is run."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, cast

import typer

from omega_fast.cli.outcome import Outcome
from omega_fast.models.prm_card import RESERVED_TOKEN
from omega_fast.models.scorers.implicit_settings import COEFFICIENT
from omega_fast.models.scorers.options import DType, ScorerOptions
from omega_fast.models.scorers.table import SHAPES

__all__ = ["ScorerFlags", "with_scorer"]


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
        "A folder or hub name in safetensors, or module:function of your own.",
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
)


def with_scorer(function: Callable[..., Outcome]) -> Callable[..., Outcome]:
    """`function` with these options instead of its parameter `scorer: ScorerFlags`."""

    def run(**arguments: Any) -> Outcome:
        given = {each.name: arguments.pop(each.name) for each in _FLAGS}
        prm, shape = given.pop("prm"), given.pop("shape")
        dtype = cast("DType", given.pop("dtype"))
        return function(scorer=ScorerFlags(prm, shape, ScorerOptions(dtype=dtype, **given)), **arguments)

    signature = inspect.signature(function, eval_str=True)
    own = [
        each.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for each in signature.parameters.values()
        if each.name != "scorer"
    ]
    run.__signature__ = signature.replace(parameters=[*own, *_FLAGS])  # type: ignore[attr-defined]
    run.__doc__ = function.__doc__
    return run
