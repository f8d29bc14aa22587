"""Command lines as other runners spell them: `--num_rollouts` for `--num-rollouts`, `--PRM`, `--flag True`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from typer.core import TyperCommand

__all__ = ["ForgivingCommand"]

_TRUE = {"true", "yes", "on", "1"}
_FALSE = {"false", "no", "off", "0"}


class ForgivingCommand(TyperCommand):
    """A command whose options may be written with underscores or in capitals, and its flags with a value."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the canonical form of `args`."""
        options = {name: each for each in self.params for name in (*each.opts, *each.secondary_opts)}
        return super().parse_args(ctx, _canonical(args, options))


def _canonical(args: Sequence[str], options: dict[str, Any]) -> list[str]:
    canonical: list[str] = []
    at = 0
    while at < len(args):
        if args[at] == "--":
            return [*canonical, *args[at:]]
        name, equals, value = args[at].partition("=")
        name = name.replace("_", "-") if name.startswith("--") else name
        if name not in options and name.startswith("--") and name.lower() in options:
            name = name.lower()
        option = options.get(name)
        following = args[at + 1 : at + 2]
        at += 1
        if option is None:
            canonical.append(args[at - 1])
        elif _is_switch(option):
            said = value if equals else (following[0] if following else "")
            if said.lower() in _TRUE | _FALSE:
                at += not equals
                canonical.append(_switched(option, name, said))
            else:
                canonical.append(name + equals + value)
        else:
            canonical.append(name + equals + value)
            if option.opts[0].startswith("-") and not equals and not getattr(option, "is_flag", False):
                # its value, whatever it looks like
                canonical.extend(following)
                at += 1
    return canonical


def _is_switch(option: Any) -> bool:
    """Whether it has a form that switches on and one that switches off."""
    return bool(getattr(option, "is_flag", False) and option.secondary_opts)


def _switched(option: Any, name: str, said: str) -> str:
    is_on = (name in option.opts) == (said.lower() in _TRUE)
    return str((option.opts if is_on else option.secondary_opts)[0])
