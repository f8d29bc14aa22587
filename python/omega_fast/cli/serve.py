"""`omega serve`: one or two models on vLLM, in the foreground."""

from __future__ import annotations

import inspect
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.text import Text

from omega_fast.cli.checked import checked
from omega_fast.cli.exits import ExitCode
from omega_fast.cli.interrupts import stop_on_signals
from omega_fast.cli.outcome import Outcome, pairs, plain, say
from omega_fast.cli.settings_flags import flag
from omega_fast.config import settings_of
from omega_fast.errors import ConfigError
from omega_fast.serving import (
    ModelSettings,
    Plan,
    ServeSettings,
    make_plan,
    read_settings,
    recipe_of,
    serve_while,
)
from omega_fast.serving import serve as serve_until
from omega_fast.serving.checks import faults, vllm_fault
from omega_fast.serving.messages import shell_command
from omega_fast.serving.settings import PARTS
from omega_fast.store.files import LocalFileSystem, naming, write_atomically

__all__ = ["serve"]

_PANELS = {"policy": "Policy", "reward": "Reward model"}


def serve(
    dry_run: bool, run: list[str] | None, without_vllm: str, report: Path | None, **given: Any
) -> Outcome:
    """Serve a policy, a reward model, or both on vLLM, until ^C, or while commands run.

    It starts the servers, waits until each answers, prints commands to try them, and stays. If one ends, the other is
    stopped, and the exit code is 7. ^C or SIGTERM stops both, a second one kills them; the exit code is 0 if they had
    answered, else 130. With --run it ends when the commands have, with the code of the first that failed.
    """
    commands = _words(run)
    plan = make_plan(_settings(given))
    warnings = _open_doors(plan)
    if dry_run:
        in_the_way = tuple(f"here this would fail: {fault.message}" for fault in faults(plan))
        return Outcome(plan.to_dict(), _commands(plan), warnings=(*warnings, *in_the_way))
    for warning in warnings:
        say(f"warning: {warning}")
    if without_vllm == "skip" and (absent := vllm_fault(plan.python)) is not None:
        skipped = {"skipped": absent.message, "ready": False, "complete": False, "results": {}}
        _write(report, skipped)
        told = pairs([("skipped", absent.message)])
        return Outcome(skipped, told, ExitCode.PARTIAL, (f"nothing was served: {absent.message}",))
    with stop_on_signals("stopping the servers; once more to kill them") as stop:
        if commands:
            done = serve_while(plan, commands, stop=stop, say=say)
            rows = [(shlex.join(each.command), each.code) for each in done.commands]
            data = {**plan.to_dict(), **done.to_dict()}
            _write(report, data)
            known = {int(each): each for each in ExitCode}
            return Outcome(data, pairs(rows), known.get(done.code, ExitCode.UNEXPECTED))
        served = serve_until(
            plan, stop=stop, on_ready=lambda: say(f"\n{recipe_of(plan)}\n\nready; ^C stops it"), say=say
        )
    code = ExitCode.DONE if served.ready else ExitCode.INTERRUPTED
    said = "stopped" if served.ready else "stopped before the servers answered"
    return Outcome({**plan.to_dict(), "ready": served.ready, "seconds": served.seconds}, plain(said), code)


def _settings(given: Mapping[str, Any]) -> ServeSettings:
    return read_settings({name: value for name, value in given.items() if value is not None})


def _words(run: Sequence[str] | None) -> list[list[str]]:
    """The words of each command. Raises `ConfigError` for what is wrong with one, so far as that can be known."""
    from omega_fast.cli.parsing import fault_of  # noqa: PLC0415 - it knows all commands, this one among them

    commands = []
    for each in run or ():
        try:
            words = shlex.split(each)
        except ValueError as error:
            raise ConfigError(
                f"the command {each!r} cannot be read: {error}", hint="close its quotation marks"
            ) from error
        is_command = words[:1] == ["omega"] and not "".join(words[1:2]).startswith(
            "-"
        )  # omega --version is none
        if is_command and (fault := fault_of(words[1:])):
            raise ConfigError(f"the command {each!r} is wrong: {fault}")
        commands.append(words)
    return commands


def _check(run: Sequence[str] | None, **given: Any) -> None:
    for name in ("dry_run", "without_vllm", "report"):
        del given[name]
    _settings(given)
    _words(run)


def _write(report: Path | None, data: Mapping[str, Any]) -> None:
    if report is not None:
        with naming(report):
            report.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(LocalFileSystem(), report, json.dumps(data, indent=2).encode() + b"\n")


def _open_doors(plan: Plan) -> tuple[str, ...]:
    """Who could use the servers unasked."""
    if all(server.host in ("127.0.0.1", "::1", "localhost") for server in plan.servers):
        return ()
    if not plan.key:
        return ("the servers ask for no key, and other machines may reach them: set --api-key-env",)
    if any(server.task == "score" for server in plan.servers):
        return (
            "vLLM asks for the key under /v1 alone: anyone who reaches its port gets scores from /pooling",
        )
    return ()


def _commands(plan: Plan) -> Text:
    lines = []
    for server in plan.servers:
        where = f"GPU {','.join(server.placement.devices)}" if server.placement.devices else "CPU"
        lines += [
            f"# {server.part}: {server.name}, to {server.task}, on {where}",
            shell_command(plan, server),
            "",
        ]
    return Text("\n".join([*lines, recipe_of(plan)]))


def _parameters() -> list[inspect.Parameter]:
    flags = []
    for part in PARTS:
        for each in settings_of(ModelSettings):
            name = part if each.name == "model" else f"{part}_{each.name}"
            flags.append(flag(replace(each, name=name, group=_PANELS[part])))
    flags += [flag(each) for each in settings_of(ServeSettings) if each.name not in PARTS]
    run = Annotated[
        list[str] | None,
        typer.Option(
            "--run",
            metavar="COMMAND",
            help="Run this once the servers answer, then stop them; may be given several times.",
            show_default=False,
        ),
    ]
    absent = Annotated[
        Literal["fail", "skip"],
        typer.Option(
            metavar="[fail|skip]",
            help="Where vLLM is not installed: fail, or run nothing, say so and end with code 3.",
        ),
    ]
    report = Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write here what came of the commands, as JSON.", show_default=False
        ),
    ]
    dry = Annotated[bool, typer.Option("--dry-run", help="Print every command and start nothing.")]
    return [
        inspect.Parameter("dry_run", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=dry),
        inspect.Parameter("run", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=run),
        inspect.Parameter("without_vllm", inspect.Parameter.KEYWORD_ONLY, default="fail", annotation=absent),
        inspect.Parameter("report", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=report),
        *flags,
    ]


serve.__signature__ = inspect.Signature(_parameters())  # type: ignore[attr-defined]
checked(serve, _check)
