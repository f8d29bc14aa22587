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

_LEAST_SHARE = 4
"""A pass of `mcts` smaller than n over this seldom reaches the end of a solution, and is not begun."""


def run_method(search: QuestionSearch) -> Plan[None]:
    """One pass of the method; with a token budget as many as it pays for, the last one with a smaller n."""
    settings = search.settings
    method = METHODS[settings.method]
    n, dearest = settings.n, 0.0
    while n:
        spent, draws = search.budget.spent, search.n_draws
        yield from method(search, n)
        left = search.budget.left
        if not left or search.n_draws == draws:
            return
        dearest = max(dearest, (search.budget.spent - spent) / n)
        n = _fitting(search, min(settings.n, int(left / dearest)) if dearest else settings.n)


def _fitting(search: QuestionSearch, n: int) -> int:
    """The largest size of a pass, at most n; 0 if there is none so small."""
    settings = search.settings
    match settings.method:
        case "beam" | "dvts":
            return n - n % settings.beam_width
        case "greedy":
            return n if n == settings.n else 0
        case "mcts":
            return n if n * _LEAST_SHARE >= settings.n else 0
        case _:
            return n
