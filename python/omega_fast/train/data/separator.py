"""Which text ends the steps of a data set."""

from __future__ import annotations

from collections.abc import Iterable

from omega_fast.train.data.example import Example

__all__ = ["separator_of"]

_KNOWN = ("\n\n", "\n")
_USUAL = "\n\n"


def separator_of(examples: Iterable[Example]) -> str:
    """What most steps that another follows end in: a blank line, or a line break; a blank line if neither is.

    Solutions of a single step tell by that one.
    """
    counts = dict.fromkeys((*_KNOWN, ""), 0)
    for each in examples:
        steps = each.solution.steps
        for step in steps[:-1] or steps:
            counts[next((text for text in _KNOWN if step.endswith(text)), "")] += 1
    best = max(counts, key=lambda text: counts[text])
    return best or _USUAL
