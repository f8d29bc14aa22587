"""`omega pipeline`: a recipe of several commands, each run once and resumed where it was left."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from omega_fast.cli.exits import ExitCode
from omega_fast.cli.interrupts import stop_on_signals
from omega_fast.cli.outcome import Outcome, pairs, say
from omega_fast.errors import ConfigError
from omega_fast.pipeline.recipe import read_recipe
from omega_fast.pipeline.run import PipelineSummary, run_pipeline

__all__ = ["pipeline"]


def pipeline(
    recipe: Annotated[
        Path, typer.Argument(metavar="RECIPE", help="Stages as YAML, TOML or JSON.", show_default=False)
    ],
    *,
    output: Annotated[
        Path,
        typer.Option(
            "--output-dir",
            "-o",
            metavar="FOLDER",
            help="Where each stage has its folder; the same one goes on where it was left.",
            show_default=False,
        ),
    ],
    settings: Annotated[
        list[str],
        typer.Option("--set", metavar="NAME=VALUE", help="Another value of a variable; may be repeated."),
    ] = [],  # noqa: B006 - typer copies it
    until: Annotated[
        str | None, typer.Option(metavar="STAGE", help="Stop after this one.", show_default=False)
    ] = None,
    anew: Annotated[
        bool,
        typer.Option(
            "--anew",
            help="Put aside what has changed and make it anew, and what rests on it if that changes.",
        ),
    ] = False,
) -> Outcome:
    """Run the stages of a recipe, one command after the other, and write a page of what came of them.

    What is done is not run again; what was interrupted resumes. A stage whose command, inputs or outputs have changed
    is refused, or made anew with --anew.
    """
    from omega_fast.cli.parsing import fault_of  # noqa: PLC0415 - it knows all commands, this one among them

    given = dict(map(_named, settings))
    with stop_on_signals("stopping: the stage under way is asked to end; once more to kill it") as stop:
        found = run_pipeline(
            read_recipe(recipe, given),
            output,
            anew=anew,
            until=until,
            stop=stop,
            check=fault_of,
            tell=lambda text: say(f"pipeline: {text}"),
        )
    if found.failed and not stop.is_set():
        say(f"error: stage {found.failed} ended with exit code {found.code}: what it said stands above")
        say("hint: once that is mended, the same command goes on there")
    elif found.failed:
        say("interrupted: the same command goes on")
    view = pairs(
        [
            ("page", str(found.page)),
            ("stages done", f"{len(found.done)} of {len(found.stages)}"),
            ("run by this start", ", ".join(found.ran) or "none"),
            ("seconds", found.seconds),
        ]
    )
    warnings = tuple(f"stage {name} set parts of its input aside" for name in found.partial)
    return Outcome(found.to_dict(), view, _code(found, stopped=stop.is_set()), warnings)


def _named(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ConfigError(f"--set {text} says no value", hint="write --set name=value")
    return name, value


def _code(found: PipelineSummary, *, stopped: bool) -> ExitCode:
    if not found.failed:
        return ExitCode.PARTIAL if found.partial else ExitCode.DONE
    if stopped:
        return ExitCode.INTERRUPTED
    return ExitCode(found.code) if found.code in set(ExitCode) else ExitCode.UNEXPECTED
