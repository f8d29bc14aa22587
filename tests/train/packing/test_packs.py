"""Trees filled into packs."""

from __future__ import annotations

from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omega_fast.errors import ConfigError
from omega_fast.train.packing.layout import lay_out
from omega_fast.train.packing.packs import fill_packs, saving

ITEMS = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=5), min_size=1, max_size=2),
    ),
    min_size=1,
    max_size=20,
)


@given(ITEMS, st.integers(10, 30))
@settings(max_examples=200, deadline=None)
def test_every_item_comes_once_and_no_pack_is_too_long(
    items: list[tuple[int, list[list[int]]]], most: int
) -> None:
    trees, paths = [tree for tree, _ in items], [item for _, item in items]
    packs = fill_packs(paths, trees, most)
    assert sorted(chain.from_iterable(packs)) == list(range(len(items)))
    sizes = [len(lay_out([path for at in pack for path in paths[at]])) for pack in packs]
    assert max(sizes) <= most
    found = saving(paths, packs)
    assert found.packed_tokens == sum(sizes)
    assert found.path_tokens == sum(len(path) for item in paths for path in item)


def test_a_tree_that_is_too_long_is_split_between_subtrees_and_repeats_what_is_above_them() -> None:
    paths = [[(1, 1, child, leaf)] for leaf in (7, 8) for child in (2, 3)]
    packs = fill_packs(paths, ["tree"] * 4, 5)
    assert [sorted(paths[at][0][2] for at in pack) for pack in packs] == [[2, 2], [3, 3]]
    found = saving(paths, packs)
    assert (found.path_tokens, found.unique_tokens, found.packed_tokens) == (16, 8, 10)
    assert (found.bound, found.gain) == (2.0, 1.6)


def test_small_trees_share_a_pack() -> None:
    assert fill_packs([[(1, 2)], [(3, 4)], [(5, 6)]], ["a", "b", "c"], 4) == [[0, 1], [2]]


def test_a_tree_that_fits_into_a_pack_is_not_split_to_fill_another() -> None:
    small, large = [[(1, 2, 3)]], [[(5, 6, leaf)] for leaf in (7, 8, 9)]
    packs = fill_packs([*small, *large], ["small", *["large"] * 3], 6)
    assert sorted(map(sorted, packs)) == [[0], [1, 2, 3]]
    assert saving([*small, *large], packs).packed_tokens == 8


def test_trees_go_where_the_least_room_is_left() -> None:
    sizes = (4, 6, 4, 5, 1)
    items = [[tuple(range(10 * at, 10 * at + size))] for at, size in enumerate(sizes)]
    packs = fill_packs(items, range(len(sizes)), 10)
    assert sorted(map(sorted, packs)) == [[0, 1], [2, 3, 4]]


def test_an_item_longer_than_a_pack_is_refused_with_the_length_it_takes() -> None:
    with pytest.raises(ConfigError, match="4 tokens, and what must come together has 6") as refused:
        fill_packs([[(1, 2, 3)], [(1, 2, 3), (4, 5, 6)]], ["a", "a"], 4)
    assert "pack_tokens to 6" in str(refused.value.hint)
