"""The rows that training cannot use: counted by kind, named, written down; skipped or refused as configured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Literal

from omega_fast.errors import InputError
from omega_fast.store.formats import RowFault

__all__ = ["FaultKind", "Faults", "OnInvalid"]

FaultKind = Literal["unreadable", "no_steps", "empty_step", "no_label", "bad_label", "too_long", "unfit"]
"""`unreadable`: not of the format; `bad_label`: NaN or outside [0, 1]; `unfit`: the model's template refuses it."""

OnInvalid = Literal["skip", "refuse"]
"""Leave such rows out and say so, or stop at the first."""

_NAMED = 5


class Faults:
    """Takes note of rows that cannot be used.

    Args:
        on_invalid: Whether the first of them is an error.
        keep: Called with each, to write it down.

    Attributes:
        counts: How many there were of each kind.
        named: The first few in words.
    """

    def __init__(
        self, on_invalid: OnInvalid = "skip", keep: Callable[[RowFault], None] | None = None
    ) -> None:
        self.counts: Counter[str] = Counter()
        self.named: list[str] = []
        self._refuses = on_invalid == "refuse"
        self._keep = keep

    def add(self, kind: FaultKind, fault: RowFault) -> None:
        """Take note of one row.

        Raises:
            InputError: If rows that cannot be used are refused.
        """
        if self._refuses:
            raise InputError(
                f"{fault.place} cannot be used: {fault.reason} ({kind})",
                hint="mend the row, or leave such rows out with --invalid skip",
            )
        self.counts[kind] += 1
        if len(self.named) < _NAMED:
            self.named.append(f"{fault.place}: {fault.reason}")
        if self._keep is not None:
            self._keep(fault)

    def unreadable(self, fault: RowFault) -> None:
        """Take note of a row that is not of its format. Raises like `add`."""
        self.add("unreadable", fault)
