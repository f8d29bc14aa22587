"""What can be known to be wrong with a command's words before it is run: a check that belongs to its function."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from omega_fast.config import AUTO

__all__ = ["Check", "check_of", "checked", "without_files"]

Check = Callable[..., object]
"""Takes the arguments that its function takes, does nothing, and raises `ConfigError` for what cannot work."""

_Function = TypeVar("_Function", bound=Callable[..., Any])
_NAME = "omega_fast_check"
_OF_SETTINGS = ("recipe", "search_config")


def checked(function: _Function, check: Check) -> _Function:
    """The same function, with a check of its arguments."""
    vars(function)[_NAME] = check
    return function


def check_of(function: Callable[..., Any]) -> Check:
    """The check of a function; one that finds nothing wrong if it has none."""
    check: Check = vars(function).get(_NAME, lambda *_, **__: None)
    return check


def without_files(arguments: dict[str, Any]) -> dict[str, Any] | None:
    """Arguments of a command as far as they can be checked before another one has made its files.

    What depends on the files of the model is left out; `None` if files with settings are named that are not there yet.
    """
    files = [arguments[name] for name in _OF_SETTINGS if arguments.get(name) is not None]
    if not all(Path(each).exists() for each in files):
        return None
    known = {**arguments}
    if known.get("preset") == AUTO:
        known["preset"] = None
    if "trust_remote_code" in known:
        known["trust_remote_code"] = None
    return known
