"""Tools that check a step's claim: SymPy, the ledger executor, Wolfram|Alpha, and those of users."""

from omega_fast.verifiers.tools.base import Finding, Tool, ToolAnswer
from omega_fast.verifiers.tools.opening import ENTRY_POINTS, TOOLS, open_tool, tool_names

__all__ = ["ENTRY_POINTS", "TOOLS", "Finding", "Tool", "ToolAnswer", "open_tool", "tool_names"]
