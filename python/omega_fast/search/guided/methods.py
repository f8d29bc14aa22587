"""The methods by name, and how they are run again until a budget is spent."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from omega_fast.search.guided.beam import beam_search, diverse_tree_search, greedy_search
from omega_fast.search.guided.plan import Plan
from omega_fast.search.guided.question_search import QuestionSearch
from omega_fast.search.guided.settings import Method
from omega_fast.search.guided.tree_search import tree_search
from omega_fast.search.guided.whole import best_of_n, omega_tree

__all__ = ["METHODS", "run_method"]

METHODS: Mapping[Method, Callable[[QuestionSearch, int], Plan[None]]] = {
    "greedy": greedy_search,
    "best_of_n": best_of_n,
    "beam": beam_search,
    "dvts": diverse_tree_search,
    "mcts": tree_search,
    "omega": omega_tree,
}
"""Each method as a function of a question and of n, which says how large it is."""


def run_method(search: QuestionSearch) -> Plan[None]:
    """One pass of the method. With a token budget as many as it pays for, after one whole solution.

    That solution tells how long solutions are, and so how many draws the budget can bring to an end.
    """
    method = METHODS[search.settings.method]
    if search.budget.limit is None:
        yield from method(search, search.settings.n)
        return
    yield from best_of_n(search, 1)
    while True:
        before = search.budget.spent
        yield from method(search, search.settings.n)
        if search.budget.spent == before:
            return
