"""Beam search, DVTS and MCTS decide as plain implementations do, on the same proposals and scores."""

import pytest

from . import plain
from .world import Driver, settings


def texts(search):
    return [node.text for node in search.completions]


@pytest.mark.parametrize(("n", "width"), [(4, 2), (8, 4), (16, 4), (9, 3), (6, 1)])
@pytest.mark.parametrize("unique", [True, False])
@pytest.mark.parametrize("rounds", [10, 3, 1])
def test_beam_search_equals_a_plain_one(n, width, unique, rounds):
    asked = settings(method="beam", n=n, beam_width=width, filter_duplicates=unique, max_steps=rounds)
    (found,) = Driver(asked).run()
    assert texts(found) == plain.beam_search(n, width, rounds, unique=unique)


@pytest.mark.parametrize("lookahead", [1, 2, 5])
def test_beam_search_that_looks_ahead_equals_a_plain_one(lookahead):
    (found,) = Driver(settings(method="beam", n=8, beam_width=4, lookahead=lookahead)).run()
    assert texts(found) == plain.beam_search(8, 4, 10, unique=True, lookahead=lookahead)
    assert texts(found) != plain.beam_search(8, 4, 10, unique=True)


@pytest.mark.parametrize(("n", "width"), [(4, 2), (8, 4), (16, 4), (9, 3), (3, 1)])
@pytest.mark.parametrize("rounds", [10, 3, 1])
def test_diverse_tree_search_equals_a_plain_one(n, width, rounds):
    asked = settings(method="dvts", n=n, beam_width=width, filter_duplicates=False, max_steps=rounds)
    (found,) = Driver(asked).run()
    expected = plain.diverse_tree_search(n, width, rounds)
    assert sorted(texts(found)) == sorted(expected)
    assert expected


@pytest.mark.parametrize("simulations", [1, 2, 5, 20, 60])
@pytest.mark.parametrize("width", [2, 4])
def test_tree_search_equals_a_plain_one(simulations, width):
    asked = settings(method="mcts", n=simulations, beam_width=width, in_flight=1)
    (found,) = Driver(asked).run()
    root, complete = plain.tree_search(simulations, width)
    assert texts(found) == complete
    assert everything_below(root) <= {node.text for node in found.tree}


def everything_below(tree):
    return {tree.text}.union(*(everything_below(child) for child in tree.children))


def test_greedy_search_is_a_single_tree_of_the_diverse_search():
    (greedy,) = Driver(settings(method="greedy", beam_width=4)).run()
    assert texts(greedy) == plain.diverse_tree_search(4, 4, 10)
