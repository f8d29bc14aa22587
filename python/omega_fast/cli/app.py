"""The `omega` command with all its subcommands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from omega_fast.cli.annotate import annotate
from omega_fast.cli.augment import augment
from omega_fast.cli.bench import bench
from omega_fast.cli.commands import add_command
from omega_fast.cli.convert import convert
from omega_fast.cli.demo import demo
from omega_fast.cli.doctor import doctor
from omega_fast.cli.estimate import estimate
from omega_fast.cli.eval import app as eval_app
from omega_fast.cli.eval_policy import eval_policy
from omega_fast.cli.exits import MEANINGS
from omega_fast.cli.export import export
from omega_fast.cli.grounded import app as grounded_app
from omega_fast.cli.guided import eval_guided, solve
from omega_fast.cli.import_ import import_
from omega_fast.cli.merge import merge
from omega_fast.cli.merge_adapter import merge_adapter
from omega_fast.cli.outcome import Outcome
from omega_fast.cli.pipeline import pipeline
from omega_fast.cli.preview import preview
from omega_fast.cli.replay import replay
from omega_fast.cli.report import report
from omega_fast.cli.reverify import reverify
from omega_fast.cli.seed import seed
from omega_fast.cli.serve import serve
from omega_fast.cli.split import split
from omega_fast.cli.status import status
from omega_fast.cli.train import TRAINERS
from omega_fast.cli.verify import verify
from omega_fast.store.manifest import package_version

__all__ = ["app", "main", "train"]

_EPILOG = "Exit codes: " + "; ".join(f"{int(code)} {meaning}" for code, meaning in MEANINGS.items()) + "."

app = typer.Typer(
    name="omega",
    help="Process supervision from a language model: which step of a solution goes wrong.",
    epilog=_EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_COMMANDS: dict[str, Callable[..., Outcome]] = {
    "demo": demo,
    "seed": seed,
    "annotate": annotate,
    "status": status,
    "export": export,
    "augment": augment,
    "replay": replay,
    "verify": verify,
    "reverify": reverify,
    "preview": preview,
    "estimate": estimate,
    "bench": bench,
    "doctor": doctor,
    "serve": serve,
    "convert": convert,
    "import": import_,
    "report": report,
    "split": split,
    "merge": merge,
    "merge-adapter": merge_adapter,
    "solve": solve,
    "pipeline": pipeline,
}
for _name, _function in _COMMANDS.items():
    add_command(app, _name, _function)
add_command(eval_app, "guided", eval_guided)
add_command(eval_app, "policy", eval_policy)
app.add_typer(eval_app)
app.add_typer(grounded_app)

train = typer.Typer(
    help="Train models on labels.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)
for _name, _function in TRAINERS.items():
    add_command(train, _name, _function)
app.add_typer(train, name="train")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"omega_fast {package_version()}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and exit.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    del version


def main() -> None:
    """Run the command line of this process and exit with the command's code."""
    app(prog_name="omega")
