"""Many token paths laid out as one sequence in which every shared beginning stands once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Layout", "TokenTree", "lay_out"]


@dataclass(frozen=True, slots=True)
class Layout:
    """A tree of tokens in depth-first order.

    The token at position k is an ancestor of the one at q, or is it, exactly if k <= q < ends[k]: two integers a token
    say what each may attend to.

    Attributes:
        ids: The token at each position.
        depths: How many tokens stand above it on its path: its position id.
        ends: One past the last position of its subtree.
        places: For each path, the position of each of its tokens.
    """

    ids: tuple[int, ...]
    depths: tuple[int, ...]
    ends: tuple[int, ...]
    places: tuple[tuple[int, ...], ...]

    def __len__(self) -> int:
        return len(self.ids)


class TokenTree:
    """The set of beginnings of some token paths; its size is the length of their layout."""

    def __init__(self) -> None:
        self._children: dict[tuple[int, int], int] = {}

    def __len__(self) -> int:
        return len(self._children)

    def add(self, paths: Sequence[Sequence[int]], most: int | None = None) -> bool:
        """Take paths in, all of them or, if the tree would have more than `most` tokens, none."""
        new: list[tuple[int, int]] = []
        for path in paths:
            at = 0
            for key in path:
                step = (at, key)
                at = self._children.get(step, 0)
                if not at:
                    new.append(step)
                    self._children[step] = at = len(self._children) + 1
        if most is not None and len(self) > most:
            for step in new:
                del self._children[step]
            return False
        return True


def lay_out(paths: Sequence[Sequence[int]]) -> Layout:
    """The shortest layout of some paths, in time linear in their tokens after sorting them.

    In a path, `-1 - id` stands for the token `id` on a side branch, which shares nothing with the trunk: a marker that
    later tokens must not see.

    >>> tree = lay_out([(5, 6, 7), (5, 6, 8)])
    >>> tree.ids, tree.depths, tree.ends
    ((5, 6, 7, 8), (0, 1, 2, 2), (4, 4, 3, 4))
    >>> tree.places
    ((0, 1, 2), (0, 1, 3))
    """
    ids, depths, ends = list[int](), list[int](), list[int]()
    places: list[tuple[int, ...]] = [()] * len(paths)
    # The path laid out last, and where its tokens stand: sorted, each shares most with the one before
    last: Sequence[int] = ()
    open_: list[int] = []
    for number in sorted(range(len(paths)), key=lambda at: tuple(paths[at])):
        path = paths[number]
        shared = _in_common(last, path)
        for position in open_[shared:]:
            ends[position] = len(ids)
        del open_[shared:]
        for depth, key in enumerate(path[shared:], shared):
            open_.append(len(ids))
            ids.append(key if key >= 0 else -1 - key)
            depths.append(depth)
            ends.append(0)
        places[number] = tuple(open_)
        last = path
    for position in open_:
        ends[position] = len(ids)
    return Layout(tuple(ids), tuple(depths), tuple(ends), tuple(places))


def _in_common(one: Sequence[int], other: Sequence[int]) -> int:
    """The length of the common beginning of two paths."""
    shortest = min(len(one), len(other))
    return next((depth for depth in range(shortest) if one[depth] != other[depth]), shortest)
