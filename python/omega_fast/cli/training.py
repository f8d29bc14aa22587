"""What the commands of `omega train` have in common: flags made from settings, and one process that prints."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from statistics import fmean
from typing import Any

from pydantic import BaseModel

from omega_fast.cli.checked import check_of, checked
from omega_fast.cli.outcome import Outcome
from omega_fast.cli.settings_flags import flag
from omega_fast.config import settings_of
from omega_fast.config.sources import from_text

__all__ = ["course_of", "only_the_first_prints", "with_flags_of"]


def with_flags_of(
    model: type[BaseModel], make: Callable[..., Any]
) -> Callable[[Callable[..., Outcome]], Callable[..., Outcome]]:
    """Turns `function(config, ...)` into one that takes a flag for each setting of `model` instead of `config`.

    Args:
        model: Settings declared with `setting()`.
        make: Makes a configuration of the settings that were given, by name; raises `ConfigError`.
    """

    def decorate(function: Callable[..., Outcome]) -> Callable[..., Outcome]:
        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]

        def read(arguments: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
            others = {each.name: arguments.pop(each.name) for each in own}
            given = {name: value for name, value in arguments.items() if value is not None}
            return make(**from_text(given)), others

        @wraps(function)
        def with_flags(**arguments: Any) -> Outcome:
            config, others = read(arguments)
            return function(config, **others)

        def check(**arguments: Any) -> None:
            config, others = read(arguments)
            check_of(function)(config, **others)

        parameters = [*own, *map(flag, settings_of(model))]
        with_flags.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in parameters]
        )
        return checked(with_flags, check)

    return decorate


def course_of(log: Sequence[Mapping[str, Any]], name: str) -> str:
    """How a figure of a training's log went: its means over the first and the last tenth of the entries that have it.

    Single updates are noisy; of fewer than 20 entries a tenth is one.

    >>> course_of([{"loss": 3.0}, {"loss": 1.0}], "loss")
    '3 at first, 1 at last'
    """
    values = [entry[name] for entry in log if name in entry]
    if not values:
        return "-"
    tenth = max(1, len(values) // 10)
    of = f" (means of {tenth} entries each)" if tenth > 1 else ""
    return f"{fmean(values[:tenth]):.4g} at first, {fmean(values[-tenth:]):.4g} at last{of}"


def only_the_first_prints() -> None:
    """Of several processes that train together only the first prints its result."""
    if os.environ.get("RANK", "0") != "0":
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - it is needed until the process ends
