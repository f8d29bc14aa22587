"""Token paths laid out as one sequence."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from omega_fast.train.packing.layout import TokenTree, lay_out

PATHS = st.lists(st.lists(st.integers(-3, 3), min_size=1, max_size=6).map(tuple), min_size=1, max_size=12)


def beginnings(paths: list[tuple[int, ...]]) -> set[tuple[int, ...]]:
    return {path[: end + 1] for path in paths for end in range(len(path))}


@given(PATHS)
@settings(max_examples=200, deadline=None)
def test_every_beginning_stands_once_and_sees_exactly_its_ancestors(paths: list[tuple[int, ...]]) -> None:
    tree = lay_out(paths)
    assert len(tree) == len(beginnings(paths))
    for path, place in zip(paths, tree.places, strict=True):
        assert [tree.ids[at] for at in place] == [key if key >= 0 else -1 - key for key in path]
        assert [tree.depths[at] for at in place] == list(range(len(path)))
        last = place[-1]
        seen = [k for k in range(last + 1) if k <= last < tree.ends[k]]
        assert seen == list(place)


@given(PATHS, st.integers(1, 20))
@settings(max_examples=200, deadline=None)
def test_a_tree_counts_the_tokens_of_its_layout_and_takes_all_or_nothing(
    paths: list[tuple[int, ...]], most: int
) -> None:
    tree, held = TokenTree(), list[tuple[int, ...]]()
    for path in paths:
        fits = len(beginnings([*held, path])) <= most
        assert tree.add([path], most) is fits
        if fits:
            held.append(path)
        assert len(tree) == len(beginnings(held))


def test_a_marker_on_a_side_branch_is_not_seen_by_the_trunk() -> None:
    marker = 9
    tree = lay_out([(1, 2, -1 - marker), (1, 2, 3)])
    side, trunk = tree.places[0][-1], tree.places[1][-1]
    assert tree.ids[side] == marker
    assert not side <= trunk < tree.ends[side]
    assert tree.depths[side] == tree.depths[trunk] == 2


def test_a_marker_shares_nothing_with_the_same_token_in_the_trunk() -> None:
    assert len(lay_out([(1, 2), (1, -1 - 2)])) == 3
