"""Trees of paths filled into sequences of limited length, and what that saves."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from omega_fast.errors import ConfigError
from omega_fast.train.packing.layout import TokenTree

__all__ = ["Item", "Saving", "fill_packs", "saving"]

Item = Sequence[Sequence[int]]
"""Token paths from the root on that must come together: those of a solution, or of two siblings."""


@dataclass(frozen=True, slots=True)
class Saving:
    """How many tokens packing saves.

    Attributes:
        path_tokens: Tokens of all paths: what one row a path takes.
        unique_tokens: Tokens of all paths as one tree, each shared beginning once.
        packed_tokens: Tokens of the packs; more than `unique_tokens` as beginnings come in several packs.
    """

    path_tokens: int
    unique_tokens: int
    packed_tokens: int

    @property
    def bound(self) -> float:
        """No packing of these paths saves more than this factor of tokens."""
        return self.path_tokens / max(1, self.unique_tokens)

    @property
    def gain(self) -> float:
        """The factor of tokens that is saved."""
        return self.path_tokens / max(1, self.packed_tokens)

    def __str__(self) -> str:
        return (
            f"{self.path_tokens:,} tokens in rows, {self.packed_tokens:,} packed: {self.gain:.2f} times fewer "
            f"(at most {self.bound:.2f}, each shared beginning once)"
        )


def fill_packs(items: Sequence[Item], trees: Sequence[Hashable], max_tokens: int) -> list[list[int]]:
    """Which items go into one sequence; each goes into exactly one.

    A tree that fits into a pack is never split: whole trees go where the least room is left, largest first (best-fit
    decreasing; Johnson 1973), so that almost nothing comes twice. One that does not fit is split between subtrees, and
    each piece repeats the tokens above it.

    Args:
        items: Token paths; see `lay_out` for side branches.
        trees: The tree of each item, such as its question.
        max_tokens: Tokens of a pack at most.

    Raises:
        ConfigError: If a single item is longer than that.
    """
    pieces = [piece for members in _by_tree(items, trees) for piece in _pieces(items, members, max_tokens)]
    packs: list[list[int]] = []
    rooms: list[tuple[int, int]] = []
    for size, members in sorted(pieces, key=lambda piece: -piece[0]):
        at = bisect_left(rooms, (size, -1))
        room, number = rooms.pop(at) if at < len(rooms) else (max_tokens, len(packs))
        if number == len(packs):
            packs.append([])
        packs[number].extend(members)
        insort(rooms, (room - size, number))
    return packs


def _pieces(items: Sequence[Item], members: Sequence[int], max_tokens: int) -> list[tuple[int, list[int]]]:
    """A tree cut so that each piece fits a pack: tokens and items of each."""
    tree = TokenTree()
    pieces: list[tuple[int, list[int]]] = []
    held: list[int] = []
    for at in members:
        if not tree.add(items[at], max_tokens):
            if held:
                pieces.append((len(tree), held))
            tree, held = TokenTree(), []
            if not tree.add(items[at], max_tokens):
                tree.add(items[at])
                raise ConfigError(
                    f"a pack may have {max_tokens} tokens, and what must come together has {len(tree)}",
                    hint=f"set pack_tokens to {len(tree)} or more",
                )
        held.append(at)
    return [*pieces, (len(tree), held)]


def saving(items: Sequence[Item], packs: Sequence[Sequence[int]]) -> Saving:
    """What packs save beside one row a path."""
    return Saving(
        path_tokens=sum(len(path) for item in items for path in item),
        unique_tokens=_tokens(items, [range(len(items))]),
        packed_tokens=_tokens(items, packs),
    )


def _tokens(items: Sequence[Item], packs: Sequence[Sequence[int]]) -> int:
    total = 0
    for pack in packs:
        tree = TokenTree()
        tree.add([path for at in pack for path in items[at]])
        total += len(tree)
    return total


def _by_tree(items: Sequence[Item], trees: Sequence[Hashable]) -> list[list[int]]:
    """The items of each tree, sorted, so that neighbours share most."""
    members: dict[Hashable, list[int]] = {}
    for at, tree in enumerate(trees):
        members.setdefault(tree, []).append(at)
    return [sorted(each, key=lambda at: [tuple(path) for path in items[at]]) for each in members.values()]
