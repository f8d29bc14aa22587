"""Tools by name: built in, by entry point, and plain functions."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from omega_fast.errors import ConfigError
from omega_fast.verifiers.tools import Finding, Tool, open_tool, opening

FUNCTION = """
import time

def check(query):
    if query == "slow":
        time.sleep(60)
    if query == "broken":
        raise ValueError("no")
    if query == "both":
        return "right and wrong"
    return {"verdict": "correct" if query == "yes" else "wrong", "detail": "looked", "value": 3}
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "own_tool.py").write_text(FUNCTION)
    monkeypatch.syspath_prepend(tmp_path)
    return "own_tool:check"


@pytest.mark.parametrize("name", ["sympy", "ledger"])
def test_tools_of_this_package_are_tools(name: str) -> None:
    with open_tool(name) as tool:
        assert isinstance(tool, Tool)
        assert tool.name == name
        assert tool.version.startswith(name)
        assert tool.language


def test_a_function_is_a_tool_in_worker_processes(module: str) -> None:
    with open_tool(module, {"deadline_s": 2.0}) as tool:
        yes = tool.check("yes")
        assert (yes.finding, yes.reason, yes.value) == (Finding.RIGHT, "looked", "3")
        assert tool.check("no").finding is Finding.WRONG
        for query in ("broken", "both", "slow", "x" * 1_000_000):
            assert tool.check(query).finding is Finding.CANNOT_SAY
        assert tool.check("yes").finding is Finding.RIGHT
    assert "own_tool" not in sys.modules


def test_an_entry_point_names_a_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [
        EntryPoint("mine", "omega_fast.verifiers.tools.ledger:LedgerTool", opening.ENTRY_POINTS),
        EntryPoint("no-tool", "builtins:dict", opening.ENTRY_POINTS),
        EntryPoint("absent", "no_such_module:Tool", opening.ENTRY_POINTS),
    ]
    monkeypatch.setattr(opening, "entry_points", lambda group: entries)
    assert open_tool("mine").name == "ledger"
    assert "mine" in opening.tool_names()
    for name in ("no-tool", "absent"):
        with pytest.raises(ConfigError, match=name):
            open_tool(name)


@pytest.mark.parametrize(
    ("name", "options"),
    [("nothing", {}), ("sympy", {"colour": 1}), ("no_module_at_all:check", {}), ("a b:c", {})],
)
def test_what_is_no_tool_is_told_with_a_hint(name: str, options: dict[str, object]) -> None:
    with pytest.raises(ConfigError) as raised:
        open_tool(name, options)
    assert raised.value.hint
