"""What a stage of the data kept and what it rejected, with reasons; the numbers add up."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["StageCounts"]


@dataclass(slots=True)
class StageCounts:
    """The account of a stage: `read` is `kept` and everything in `rejected` together.

    Attributes:
        path: The file that was written.
        read: What came in.
        kept: What went out.
        rejected: What did not, by reason.
        noted: Further figures of what was kept, by name.
    """

    path: Path
    read: int = 0
    kept: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    noted: Counter[str] = field(default_factory=Counter)

    def keep(self) -> None:
        """Count one that was read and kept."""
        self.read += 1
        self.kept += 1

    def reject(self, reason: str) -> None:
        """Count one that was read and rejected."""
        self.read += 1
        self.rejected[reason] += 1

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "path": str(self.path),
            "read": self.read,
            "kept": self.kept,
            "rejected": dict(self.rejected.most_common()),
            "noted": dict(self.noted),
        }
