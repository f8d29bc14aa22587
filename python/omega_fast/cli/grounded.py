"""`omega grounded`: roots, tool-verified search trees and critiques of steps, as GroundedPRM makes them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from omega_fast.cli.commands import add_command
from omega_fast.cli.convert import quarantined
from omega_fast.cli.exits import ExitCode
from omega_fast.cli.interrupts import stop_on_signals
from omega_fast.cli.outcome import Outcome, pairs
from omega_fast.errors import ConfigError
from omega_fast.grounded.settings import GroundedSettings, read_settings, template

__all__ = ["app"]

app = typer.Typer(
    name="grounded",
    help="Label steps with tools and judges, and make a generative reward model's data (GroundedPRM).",
    no_args_is_help=True,
    add_completion=False,
)

Config = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Which model plays which role, and which tools check; 'omega grounded init' writes a template.",
        show_default=False,
    ),
]


def _init(
    output: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write.")] = Path(
        "grounded.yaml"
    ),
) -> Outcome:
    """Write the commented template of a configuration."""
    if output.exists():
        raise ConfigError(f"{output} is there already", hint="name another file")
    try:
        output.write_text(template(), "utf-8")
    except OSError as error:
        raise ConfigError(
            f"cannot write {output}: {error.strerror or error}", hint="check the path"
        ) from error
    return Outcome({"path": str(output)}, pairs([("file", str(output))]))


def _root(
    *,
    task_file_path: Annotated[
        str,
        typer.Option(
            metavar="PATH|ledger",
            help="A folder with a problem in each file, as MATH has it, a question file, or the embedded task.",
            show_default=False,
        ),
    ],
    output_file_path: Annotated[
        Path, typer.Option("--output-file-path", "-o", metavar="FILE", help="The roots.")
    ] = Path("outputs/root/root.json"),
    max_files: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Read so many files or rows; of the embedded task 100 unless given.",
            show_default=False,
        ),
    ] = None,
    config: Config = None,
    writer: Annotated[
        Literal["auto", "model", "rules"],
        typer.Option(
            metavar="[auto|model|rules]",
            help="Who writes roots: the policy, or rules, which need no model; 'auto' takes rules for ledger.",
        ),
    ] = "auto",
    ledger_split: Annotated[
        Literal["train", "validation", "test", "long"],
        typer.Option(metavar="[train|validation|test|long]", help="Which problems of the embedded task."),
    ] = "train",
    skin: Annotated[
        Literal["plain", "story"],
        typer.Option(metavar="[plain|story]", help="How the embedded task is told."),
    ] = "plain",
    seed: Annotated[int, typer.Option(help="Seed of the job; another one asks for other answers.")] = 0,
) -> Outcome:
    """Restate problems as conditions and an objective; the same command goes on where it was left."""
    from omega_fast.grounded.root_job import write_roots  # noqa: PLC0415 - other commands start faster without it

    settings = GroundedSettings() if config is None else read_settings(config)
    with stop_on_signals() as stop:
        done = write_roots(
            task_file_path,
            output_file_path,
            settings,
            writer=writer,
            most=max_files,
            split=ledger_split,
            skin=skin,
            seed=seed,
            stop=stop,
        )
    reasons = [(f"quarantined: {reason[:80]}", count) for reason, count in list(done.reasons.items())[:10]]
    calls = [(name.replace("_", " "), count) for name, count in done.calls.items()]
    view = pairs([("file", str(done.path)), ("read", done.read), ("roots", done.roots), *reasons, *calls])
    code, warnings = quarantined(done.quarantined, done.quarantine)
    if not done.complete:
        return Outcome(
            done.to_dict(), view, ExitCode.INTERRUPTED, (*warnings, "interrupted: nothing is written yet")
        )
    return Outcome(done.to_dict(), view, code, warnings)


add_command(app, "init", _init)
add_command(app, "root", _root)
