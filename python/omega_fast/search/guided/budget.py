"""Generated tokens of one question: what is spent, and how many draws can still be paid for in full."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["TokenBudget"]


@dataclass(slots=True)
class TokenBudget:
    """Deals out what a question may spend, so that it is never exceeded.

    A draw is limited to its share of what is left. Where the shares would be shorter than the longest draw of its
    kind so far, fewer draws are made instead, so that what is paid for is rarely cut off.

    Attributes:
        limit: Tokens in all; `None` for no limit.
        spent: Tokens of all draws that came back.
    """

    limit: int | None
    spent: int = 0
    _longest: dict[str, int] = field(default_factory=dict)

    @property
    def left(self) -> int | None:
        """Tokens that may still be spent; `None` for no limit."""
        return None if self.limit is None else max(0, self.limit - self.spent)

    def afford(self, wanted: int, longest: int, kind: str) -> tuple[int, int]:
        """How many of `wanted` draws may be made now, and the most tokens of each.

        Args:
            wanted: Draws that are to be made together.
            longest: The most tokens one may take, whatever is left.
            kind: Draws of like length, such as `step` and `whole`.
        """
        left = self.left
        if left is None:
            return wanted, longest
        usual = min(longest, max(1, self._longest.get(kind, longest if kind == "whole" else 1)))
        count = min(wanted, left // usual)
        if not count and left and not self._longest.get(kind):
            count = 1  # nothing is known of such draws yet: one may well be short enough
        return count, min(longest, left // count) if count else 0

    def pay(self, tokens: int, kind: str) -> None:
        """Enter a draw that came back."""
        self.spent += tokens
        self._longest[kind] = max(tokens, self._longest.get(kind, 1))
