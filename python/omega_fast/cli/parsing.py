"""Whether the words of a command line are one that `omega` takes, found out without running it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from typer.main import get_command

from omega_fast.cli.app import app
from omega_fast.cli.commands import checked_only
from omega_fast.errors import ConfigError

__all__ = ["fault_of"]


def fault_of(words: Sequence[str]) -> str:
    """What is wrong with the words behind `omega`: an unknown command or option, a value that is missing or cannot be.

    Empty if nothing is. Of files only those with settings are looked at, if they are there.
    """
    command: Any = get_command(app)
    rest, path = list(words), "omega"
    while isinstance(known := getattr(command, "commands", None), Mapping):
        name = rest.pop(0) if rest else ""
        if name not in known:
            return f"{path} has no command {name!r}, but {', '.join(known)}"
        command, path = known[name], f"{path} {name}"
    try:
        context = command.make_context(path, rest)
        with checked_only():
            context.invoke(command.callback, **context.params)
    except ConfigError as error:
        return error.message + (f" ({error.hint})" if error.hint else "")
    except Exception as error:
        told = getattr(error, "format_message", None)
        if told is not None:
            return str(told()).rstrip(".")
        if type(error).__name__ == "Exit":
            return f"{path} {' '.join(rest)} only tells its help"
        raise
    return ""
