"""The flags of a run, made from the settings model: one for each setting, and `--preset` and `--recipe`."""

from __future__ import annotations

import inspect
import os
import types
from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from functools import partial, wraps
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, overload

import typer

from omega_fast.cli.checked import check_of, checked, without_files
from omega_fast.cli.outcome import Outcome
from omega_fast.config import AUTO, LEDGER, PRESETS, AnnotateConfig, Setting, resolve, settings_of
from omega_fast.config.sources import ENVIRONMENT_PREFIX, from_text

__all__ = ["Given", "flag", "preset_flags", "with_settings"]

_SPELLINGS = {"output_dir": ("-o",), "model_name": ("--model",)}
_METAVARS = {int: "INTEGER", float: "NUMBER", Decimal: "NUMBER", Path: "PATH", str: "TEXT"}
_NAMED = {"max_time": "TIME"}
_SOURCES = "Presets and recipes"

Given = dict[str, Any]
"""Settings as the command line gives them, by name."""

Shortcut = Callable[..., Given]
"""`shortcut(given, ...)` takes further flags, which stand for settings, and returns what is given then."""


@overload
def with_settings(
    function: Callable[..., Outcome], /, shortcut: Shortcut | None = None
) -> Callable[..., Outcome]: ...


@overload
def with_settings(
    *, embedded_by_default: bool
) -> Callable[[Callable[..., Outcome]], Callable[..., Outcome]]: ...


def with_settings(
    function: Callable[..., Outcome] | None = None,
    /,
    shortcut: Shortcut | None = None,
    *,
    embedded_by_default: bool = False,
) -> Any:
    """`function(config, ...)` as one that takes the flags of all settings instead of `config`.

    A short flag that the function has itself is its own. With `embedded_by_default`, the embedded task and policy
    stand in where neither questions nor a model nor a recipe are named.
    """
    if function is None:
        return partial(_with_settings, shortcut=shortcut, embedded_by_default=embedded_by_default)
    return _with_settings(function, shortcut, embedded_by_default=embedded_by_default)


def _with_settings(
    function: Callable[..., Outcome], shortcut: Shortcut | None, *, embedded_by_default: bool
) -> Callable[..., Outcome]:
    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    short = (
        [] if shortcut is None else list(inspect.signature(shortcut, eval_str=True).parameters.values())[1:]
    )

    def read(
        *, preset: str | None, recipe: Path | None, **arguments: Any
    ) -> tuple[AnnotateConfig, dict[str, Any]]:
        others = {each.name: arguments.pop(each.name) for each in own}
        meant = {each.name: arguments.pop(each.name) for each in short}
        given = {name: value for name, value in arguments.items() if value is not None and value != []}
        if shortcut is not None:
            given = shortcut(given, **meant)
        if embedded_by_default and recipe is None and not _named_somewhere(given):
            given["question_file"] = LEDGER
        config = resolve(preset, recipe, overrides=from_text(given), overrides_from="the command line")
        return config, others

    @wraps(function)
    def with_flags(**arguments: Any) -> Outcome:
        config, others = read(**arguments)
        return function(config, **others)

    def check(**arguments: Any) -> None:
        known = without_files(arguments)
        if known is not None:
            config, others = read(**known)
            check_of(function)(config, **others)

    taken = {
        word for each in own for option in get_args(each.annotation)[1:] for word in option.param_decls or ()
    }
    flags = (flag(setting, taken) for setting in settings_of(AnnotateConfig))
    parameters = [*short, *own, *preset_flags(), *flags]
    with_flags.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in parameters]
    )
    return checked(with_flags, check)


def _named_somewhere(given: Mapping[str, Any]) -> bool:
    """Whether flags or environment say what is to be searched, or by what."""
    names = {"question_file", "model_name", "recipe"}
    return any(name in given or f"{ENVIRONMENT_PREFIX}{name.upper()}" in os.environ for name in names)


def preset_flags() -> list[inspect.Parameter]:
    """`--preset` and `--recipe`."""
    names = "|".join([*PRESETS, AUTO])
    preset = typer.Option(
        "--preset",
        metavar=f"[{names}]",
        help="Settings to start from; 'auto' takes the sampling the model asks for",
        rich_help_panel=_SOURCES,
    )
    recipe = typer.Option(
        "--recipe",
        metavar="FILE",
        help="Settings in YAML, TOML or JSON, over the preset and under OMEGA_* variables and flags",
        rich_help_panel=_SOURCES,
    )
    return [_parameter("preset", str | None, preset), _parameter("recipe", Path | None, recipe)]


def flag(setting: Setting, taken: Collection[str] = ()) -> inspect.Parameter:
    """The flag of a setting, in the panel of its group; without its short form if that is `taken`.

    Values stay text: they are read where those of all other sources are read.
    """
    dashed = setting.name.replace("_", "-")
    kind = _without_none(setting.annotation)
    explained: dict[str, Any] = {"help": _help(setting), "rich_help_panel": setting.group}
    if kind is bool:
        option = typer.Option(f"--{dashed}/--no-{dashed}", show_default=False, **explained)
        return _parameter(setting.name, bool | None, option)
    others = (word for word in _SPELLINGS.get(setting.name, ()) if word not in taken)
    option = typer.Option(
        f"--{dashed}",
        *others,
        metavar=_NAMED.get(setting.name, _metavar(kind)),
        show_default=False,
        **explained,
    )
    return _parameter(setting.name, list[str] | None if get_origin(kind) is tuple else str | None, option)


def _parameter(name: str, annotation: Any, option: Any) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[annotation, option]
    )


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) in (Union, types.UnionType):
        return next(each for each in get_args(annotation) if each is not type(None))
    return annotation


def _metavar(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return f"[{'|'.join(get_args(kind))}]"
    return _METAVARS.get(kind, "TEXT")


def _help(setting: Setting) -> str:
    default = setting.default
    if default is ... or default is None or default in ((), {}):
        return setting.description
    if isinstance(default, bool):
        default = "on" if default else "off"
    shown = repr(default)[1:-1] if isinstance(default, str) else str(default)
    return f"{setting.description} (default: {shown})"
