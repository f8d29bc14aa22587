"""Text that came from a model or a file, made harmless for a terminal."""

from __future__ import annotations

import re

__all__ = ["clean"]

_SEQUENCES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # control sequences: colours, cursor moves
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"  # strings: titles, links
    r"|\x1b[ -/]*[0-~]"  # other escapes
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f]"  # control characters but tab and line feed
    r"|[\u200e\u200f\u202a-\u202e\u2066-\u2069]"  # reordering of the text around
)


def clean(text: str) -> str:
    r"""`text` without control sequences, control characters other than tab and line feed, and reordering.

    >>> clean("a\x1b[31mred\x1b[0m \x1b]0;title\x07b\r\n")
    'ared b\n'
    """
    return _SEQUENCES.sub("", text)
