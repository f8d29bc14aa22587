"""The words of the ledger's surface: tags, registers, nouns, and the verb of each operator."""

from __future__ import annotations

from types import MappingProxyType

__all__ = ["NAMES", "NOUNS", "PLAIN_ASIDES", "PLAIN_REGISTERS", "PLAIN_VERBS", "STORY_VERBS", "TAGS"]

TAGS = "abcdefghijklmnop"
PLAIN_REGISTERS = ("x", "y", "z", "w")
PLAIN_ASIDES = ("u", "v")
NAMES = ("ann", "bob", "cat", "dan", "eve", "fay", "gus", "hal")
NOUNS = ("pens", "cups", "eggs", "nuts")
PLAIN_VERBS = MappingProxyType({"+": "add", "-": "take", "*": "times"})
STORY_VERBS = MappingProxyType({"+": "finds", "-": "loses", "*": "swaps each for"})
