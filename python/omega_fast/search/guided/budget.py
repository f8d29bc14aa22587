"""Generated tokens of one question: what is spent, and how many draws can still be brought to an end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from omega_fast.search.guided.tree import Node

__all__ = ["TokenBudget"]


@dataclass(slots=True)
class TokenBudget:
    """Deals out what a question may spend, so that it is never exceeded and little of it goes to unfinished work.

    A draw is made only if what is left pays for bringing its prefix to an end, beside all draws made with it: for
    steps that many rounds of the same width follow. How much that is, is told by the longest solution so far. What is
    left beyond it is shared among the draws, so that one may turn out longer.

    Attributes:
        limit: Tokens in all; `None` for no limit.
        spent: Tokens of all draws that came back.
        longest_step: Tokens of the longest step so far.
        longest_solution: Tokens of the longest solution so far; 0 while none is known.
    """

    limit: int | None
    spent: int = 0
    longest_step: int = 1
    longest_solution: int = 0

    @property
    def left(self) -> int | None:
        """Tokens that may still be spent; `None` for no limit."""
        return None if self.limit is None else max(0, self.limit - self.spent)

    def limits(self, nodes: Sequence[Node], longest: int) -> list[int]:
        """The most tokens of each draw, in order; fewer numbers than prefixes where not all can be paid.

        Args:
            nodes: The prefixes of draws that are to be made together.
            longest: Tokens a solution may have.
        """
        rooms = [longest - node.n_tokens for node in nodes]
        left = self.left
        if left is None:
            return rooms
        needs: list[int] = []
        total = 0
        for node, room in zip(nodes, rooms, strict=True):
            need = min(room, max(self.longest_step, self.longest_solution - node.n_tokens))
            if total + need > left:
                break
            total += need
            needs.append(need)
        if not needs:
            return []
        spare = (left - total) // len(needs)
        return [min(room, need + spare) for room, need in zip(rooms, needs, strict=False)]

    def pay(self, tokens: int, *, step: bool) -> None:
        """Enter a draw that came back."""
        self.spent += tokens
        if step:
            self.longest_step = max(self.longest_step, tokens)

    def note_solution(self, tokens: int) -> None:
        """Enter the length of a solution."""
        self.longest_solution = max(self.longest_solution, tokens)
