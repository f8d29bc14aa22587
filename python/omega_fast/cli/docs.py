"""The reference of the command line, `docs/cli.md`, made from the commands: `python -m omega_fast.cli.docs`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

import typer

from omega_fast.cli.app import app
from omega_fast.cli.exits import MEANINGS
from omega_fast.config import GUIDED_PRESETS, PRESETS

__all__ = ["reference"]

_SETTINGS_SHOWN_WITH = "annotate"
_OWN_SETTINGS = (
    "annotate",
    "serve",
    "train prm",
    "train ntp-prm",
    "train implicit-prm",
    "train generative-prm",
)

_HEADER = """# The `omega` command

Made from the commands by `python -m omega_fast.cli.docs > docs/cli.md`.

Options may be written with dashes or underscores, and switches as `--flag`, `--no-flag`, `--flag True` or
`--flag False`. Every command takes `--json`, which prints one JSON object on stdout and nothing else there; after an
error it is `{"error": {"type", "message", "hint", "exit_code"}}`, but for mistakes in the command line itself,
which are told on stderr alone. `--debug` shows the traceback of an error. Progress, warnings and errors go to stderr.

Settings come from these sources, a later one winning: the defaults, the preset `ledger` where the questions are the
embedded task's, `--preset`, `--recipe`, the environment (`OMEGA_NUM_ROLLOUTS` for `--num-rollouts`), flags.
A source that sets one of `separator`, `split_pattern` and `split_tokens` takes back what earlier sources set of them.
In `separator` and `stop`, `\\n`, `\\t`, `\\r` and `\\\\` given as text stand for those characters.
"""


def reference() -> str:
    """The whole reference, in Markdown."""
    parts = [_HEADER, _exit_codes(), _presets()]
    group: Any = typer.main.get_command(app)
    for name, command in _commands(group):
        parts.append("\n".join(_command(name, command)))
    return "\n".join(parts)


def _commands(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """Every command by its full name, those of groups included."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, f"{before}{name} ")
        else:
            yield f"{before}{name}", command


def _exit_codes() -> str:
    rows = [f"| {int(code)} | {meaning} |" for code, meaning in MEANINGS.items()]
    return "\n".join(["## Exit codes", "", "| code | meaning |", "|---|---|", *rows, ""])


def _presets() -> str:
    lines = ["## Presets", ""]
    lines += [f"* `{name}`: {_meant(name, settings)}" for name, settings in PRESETS.items()]
    lines.append(
        "* `auto`: `temperature`, `top_k`, `top_p` and `max_new_tokens` as the model's own settings have them"
    )
    return "\n".join([*lines, ""])


def _meant(name: str, settings: Mapping[str, Any]) -> str:
    search = GUIDED_PRESETS.get(name)
    listed = [_listed(settings)] if settings else []
    return "; ".join([*listed, *([f"of guided search {_listed(search)}"] if search else [])])


def _listed(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"`{name}` {value!r}" for name, value in settings.items())


def _command(name: str, command: Any) -> Iterator[str]:
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    usage = " ".join(["omega", name, "[OPTIONS]", *map(_shown, arguments)])
    yield from (f"## omega {name}", "", f"    {usage}", "", command.help, "")
    panels: dict[str, list[Any]] = {}
    for each in command.params:
        if each.param_type_name == "option" and "--json" not in each.opts and "--debug" not in each.opts:
            panels.setdefault(each.rich_help_panel or "", []).append(each)
    if panels.keys() - {""} and name not in _OWN_SETTINGS:
        panels = {"": panels[""]}
        yield from (f"It takes the settings of `omega {_SETTINGS_SHOWN_WITH}` too.", "")
    for panel, options in panels.items():
        if panel:
            yield from (f"### {panel}", "")
        yield from ("| option | value | meaning |", "|---|---|---|")
        yield from map(_option, options)
        yield ""


def _shown(argument: Any) -> str:
    return str(argument.metavar if argument.required else f"[{argument.metavar}]")


def _option(option: Any) -> str:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    value = "" if option.is_flag else f"`{option.metavar}`"
    meaning = option.help
    if option.show_default and option.default is not None:
        meaning = f"{meaning.removesuffix('.')} (default: {option.default})"
    cells = (names, value, meaning.removesuffix("."))
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


if __name__ == "__main__":
    sys.stdout.write(reference())
