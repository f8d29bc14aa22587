"""What a session of `omega grounded search` found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omega_fast.grounded.canaries import CanaryTally
from omega_fast.grounded.judges import verdict_of
from omega_fast.grounded.searching import Found, TreeNode
from omega_fast.verifiers.tools import Finding

__all__ = ["SearchSummary"]


@dataclass(slots=True)
class SearchSummary:
    """What a session of the job found; `searched`, `failed` and what is left are all `problems`.

    Attributes:
        folder: Where the trees and samples are.
        problems: Between the two indices.
        searched: Of which trees were written.
        failed: Reasons why others were not.
        counts: Nodes, steps by finding, samples, disagreements, greatest depth, over all trees.
        calls: Answers asked for in this session, and found in the log, by role, and the tokens of those asked for.
        canaries: What was said of known steps.
        complete: Whether no problem is left.
        warnings: What the canaries tell against the verdicts.
    """

    folder: Path
    problems: int
    searched: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    calls: Mapping[str, int] = field(default_factory=dict)
    canaries: CanaryTally = field(default_factory=CanaryTally)
    complete: bool = False
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "folder": str(self.folder),
            "problems": self.problems,
            "searched": self.searched,
            "failed": dict(self.failed),
            "counts": dict(self.counts),
            "calls": dict(self.calls),
            "canaries": self.canaries.to_dict(),
            "complete": self.complete,
            "warnings": list(self.warnings),
        }

    def count(self, found: Found, bounds: tuple[float, float]) -> None:
        """Add what one search found; a scorer's opinion is read by these bounds."""
        counts = self.counts
        self.searched += 1
        right = sum(sample.right for sample in found.samples)
        counts["positive samples"] += right
        counts["negative samples"] += len(found.samples) - right
        counts["lost leaves"] += found.lost
        left = [(node, 1) for node in found.roots]
        while left:
            node, depth = left.pop()
            counts["depth of the deepest node"] = max(counts["depth of the deepest node"], depth)
            counts["nodes"] += 1
            for each in (node, *node.play):
                self._count_step(each, bounds)
            left += [(child, depth + 1) for child in node.children]

    def _count_step(self, node: TreeNode, bounds: tuple[float, float]) -> None:
        counts = self.counts
        counts["steps checked"] += 1
        counts[f"steps {node.check.finding}"] += 1
        counts["disagreements of tool and judge"] += node.check.disagrees
        if node.check.prm is not None:
            opinion = verdict_of(node.check.prm, bounds)
            opposed = {opinion, node.check.finding} == {Finding.RIGHT, Finding.WRONG}
            counts["steps the prm scored"] += 1
            counts["disagreements of prm and verdict"] += opposed
