"""How a function becomes a command: `--json` and `--debug` for each, errors as messages and exit codes."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Annotated, Any

import typer

from omega_fast.cli.checked import check_of
from omega_fast.cli.exits import ExitCode, exit_code_of
from omega_fast.cli.forgiving import ForgivingCommand
from omega_fast.cli.outcome import Outcome, print_json, print_view, say
from omega_fast.errors import OmegaError

__all__ = ["add_command", "checked_only"]

_CHECKED_ONLY: ContextVar[bool] = ContextVar("_CHECKED_ONLY", default=False)

_COMMON = {
    "as_json": (bool, typer.Option("--json", help="Print one JSON object on stdout and nothing else there.")),
    "debug": (bool, typer.Option("--debug", help="Show the traceback of an error.")),
}


@contextmanager
def checked_only() -> Iterator[None]:
    """While it lasts, commands check their arguments and do nothing; what is wrong is raised, and not printed."""
    token = _CHECKED_ONLY.set(True)
    try:
        yield
    finally:
        _CHECKED_ONLY.reset(token)


def add_command(app: typer.Typer, name: str, function: Callable[..., Outcome]) -> None:
    """Make `function` the command `name`.

    Its parameters become arguments and options as typer reads them, its docstring the help. What it returns
    is printed, what it raises is reported on stderr, and the process ends with the code for either.
    """

    def run(**arguments: Any) -> None:
        as_json, debug = arguments.pop("as_json"), arguments.pop("debug")
        if _CHECKED_ONLY.get():
            check_of(function)(**arguments)
            return
        try:
            outcome = function(**arguments)
        except (OmegaError, KeyboardInterrupt, Exception) as error:
            if debug and not isinstance(error, KeyboardInterrupt):
                raise
            raise typer.Exit(_report(error, as_json)) from error
        if outcome.quiet:
            # Another code than that of success would have torchrun end the process that still writes
            raise typer.Exit(ExitCode.DONE)
        for warning in outcome.warnings:
            say(f"warning: {warning}")
        if as_json:
            print_json(outcome.data)
        else:
            print_view(outcome.view)
        # Of a process that says 3 torchrun makes a crash, with a page of traceback; the warnings have said it
        launched = outcome.code is ExitCode.PARTIAL and "TORCHELASTIC_RUN_ID" in os.environ
        raise typer.Exit(ExitCode.DONE if launched else outcome.code)

    signature = inspect.signature(function, eval_str=True)
    common = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Annotated[kind, option]
        )
        for name, (kind, option) in _COMMON.items()
    ]
    parameters = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in signature.parameters.values()
    ]
    run.__signature__ = signature.replace(parameters=[*parameters, *common], return_annotation=None)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in (*parameters, *common)}
    run.__doc__ = function.__doc__
    app.command(name, cls=ForgivingCommand)(run)


_ON_INTERRUPT = "the same command goes on where a run or a folder of results was begun, else it starts anew"


def _report(error: BaseException, as_json: bool) -> ExitCode:
    """Say what went wrong; the code for it."""
    if isinstance(error, OmegaError):
        code, message, hint = exit_code_of(error), error.message, error.hint
    elif isinstance(error, KeyboardInterrupt):
        code, message, hint = ExitCode.INTERRUPTED, "interrupted", _ON_INTERRUPT
    else:
        code, message = ExitCode.UNEXPECTED, f"{type(error).__name__}: {error}"
        hint = "this should not happen; --debug shows the traceback"
    say(f"error: {message}" + (f"\nhint: {hint}" if hint else ""))
    if as_json:
        name = type(error).__name__
        print_json({"error": {"type": name, "message": message, "hint": hint, "exit_code": int(code)}})
    return code
