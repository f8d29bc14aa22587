"""Searches that draw whole solutions: best-of-N, and a tree that starts again before the first low score."""

from __future__ import annotations

import math
from dataclasses import dataclass

from omega_fast.search.guided.plan import Plan
from omega_fast.search.guided.question_search import QuestionSearch
from omega_fast.search.guided.settings import GuidedSettings
from omega_fast.search.guided.tree import Node, Status, steps_to_score

__all__ = ["best_of_n", "omega_tree"]


def best_of_n(search: QuestionSearch, n: int) -> Plan[None]:
    """Draw n solutions and score them all at once. A budget is spent in waves, of as many as are likely to fit."""
    drawn: list[Node] = []
    left = n
    while left:
        grown = yield from search.extend([(search.root, left)], to_step_end=False)
        if not grown.made:
            break
        left -= grown.made
        drawn += grown.children[0]
    yield from search.score(node for node in drawn if node.status is Status.FINISHED)


@dataclass(slots=True)
class _Pooled:
    """A solution whose first low step is known, and the prefix it was drawn from."""

    start: Node
    before_error: Node
    tokens: int


def omega_tree(search: QuestionSearch, n: int) -> Plan[None]:
    """OmegaPRM's search (arXiv 2406.06592) with a scorer in place of the right answer: n draws in all.

    A solution goes wrong at its first step with a score below `threshold`, which one pass of the scorer tells. Of the
    solutions that do, the one with the highest Q + U is searched: `beam_width` new ones are drawn from the prefix
    before its error. Q = alpha^(1 - V(s)) beta^(len / L), U = c_puct sqrt(sum N) / (1 + N(s)), with V(s) the mean
    score of the solutions drawn from the prefix s that the solution was drawn from, in place of MC(s).
    """
    settings = search.settings
    pool: list[_Pooled] = []
    ranks: dict[int, list[float]] = {}
    visits: dict[int, int] = {}
    start, left = search.root, n
    while left:
        grown = yield from search.extend([(start, min(left, settings.beam_width))], to_step_end=False)
        if not grown.made:
            return
        left -= grown.made
        finished = [node for node in grown.children[0] if node.status is Status.FINISHED]
        yield from search.score(finished)
        for node in finished:
            ranks.setdefault(start.number, []).append(search.worth(node))
            before = _before_error(node, settings.threshold)
            if before is not None:
                pool.append(_Pooled(start, before, node.n_tokens - start.n_tokens))
        start = _selected(pool, ranks, visits, settings) if pool else search.root


def _selected(
    pool: list[_Pooled], ranks: dict[int, list[float]], visits: dict[int, int], settings: GuidedSettings
) -> Node:
    """Take the best of the pool, the first of equals; where to start again."""
    total = math.sqrt(sum(visits.values()))

    def score(each: _Pooled) -> float:
        seen = ranks[each.start.number]
        value = sum(seen) / len(seen)
        length = settings.beta ** (each.tokens / settings.length_scale)
        explore = settings.c_puct * total / (1 + visits.get(each.start.number, 0))
        return float(length * settings.alpha ** (1 - value) + explore)

    best = max(range(len(pool)), key=lambda at: score(pool[at]))
    chosen = pool.pop(best)
    visits[chosen.start.number] = visits.get(chosen.start.number, 0) + 1
    return chosen.before_error


def _before_error(node: Node, threshold: float) -> Node | None:
    """The prefix before the first step with a score below the threshold; `None` if there is none or no scores."""
    if node.scores is None:
        return None
    low = next((at for at, score in enumerate(node.scores) if score < threshold), None)
    if low is None:
        return None
    shown = steps_to_score(node.steps)
    length = sum(len(step) for step in shown[:low])
    line = [each for each in node.line() if len(each.text) <= length]
    return line[-1] if line else _root_of(node)


def _root_of(node: Node) -> Node:
    while node.parent is not None:
        node = node.parent
    return node
