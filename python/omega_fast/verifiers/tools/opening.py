"""Tools by name: those of this package, those of others by entry point, and plain functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import Any

from omega_fast.errors import ConfigError
from omega_fast.verifiers.tools.base import Tool
from omega_fast.verifiers.tools.in_workers import FunctionTool, SympyTool
from omega_fast.verifiers.tools.ledger import LedgerTool

__all__ = ["ENTRY_POINTS", "TOOLS", "open_tool", "tool_names"]

ENTRY_POINTS = "omega_fast.tools"
"""The group of entry points that name tools: a callable that takes options by keyword and returns a `Tool`."""


def _wolfram(**options: Any) -> Tool:
    try:
        from omega_fast.verifiers.tools.wolfram import WolframTool  # noqa: PLC0415 - it needs httpx
    except ImportError:
        raise ConfigError(
            "the tool wolfram needs httpx", hint="pip install 'omega_fast[openai]', or use the tool sympy"
        ) from None
    return WolframTool(**options)


TOOLS: Mapping[str, Callable[..., Tool]] = {"sympy": SympyTool, "ledger": LedgerTool, "wolfram": _wolfram}
"""The tools of this package."""


def tool_names() -> list[str]:
    """All tools that can be opened by name."""
    return sorted({*TOOLS, *(each.name for each in entry_points(group=ENTRY_POINTS))})


def open_tool(name: str, options: Mapping[str, Any] | None = None) -> Tool:
    """The tool of a name: one of `TOOLS`, an entry point, or `module:function`, which runs in worker processes.

    Raises:
        ConfigError: There is no such tool, it cannot be loaded, or it does not take these options.
    """
    chosen = dict(options or {})
    try:
        if name in TOOLS:
            return TOOLS[name](**chosen)
        found = [each for each in entry_points(group=ENTRY_POINTS) if each.name == name]
        if found:
            return _checked(name, _loaded(name, found[0])(**chosen))
        if ":" in name:
            return FunctionTool(name, **chosen)
    except TypeError as error:
        raise ConfigError(f"tool {name}: {error}", hint="look at the options of this tool") from error
    raise ConfigError(
        f"there is no tool {name!r}", hint=f"use one of {', '.join(tool_names())}, or module:function"
    )


def _loaded(name: str, entry: Any) -> Callable[..., Any]:
    try:
        made: Callable[..., Any] = entry.load()
    except Exception as error:  # whatever the module raises
        raise ConfigError(
            f"cannot load tool {name} ({entry.value}): {type(error).__name__}: {error}",
            hint="look at the package that brings it",
        ) from error
    return made


def _checked(name: str, tool: object) -> Tool:
    if not isinstance(tool, Tool):
        raise ConfigError(
            f"tool {name} made {type(tool).__name__}, which is no tool",
            hint="a tool has name, version, language, check and close",
        )
    return tool
