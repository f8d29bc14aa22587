"""PRM-MCTS: the core's PUCT search over proposed steps, with the scorer's scores as values and priors."""

from __future__ import annotations

from collections.abc import Sequence

from omega_fast.search.guided.plan import Plan
from omega_fast.search.guided.question_search import QuestionSearch
from omega_fast.search.guided.tree import Node, Status
from omega_fast.search.mcts import Answers, Forest, Leaves, MctsConfig

__all__ = ["mcts_config", "tree_search"]

_LEAST_PRIOR = 1e-3
"""What a step scored 0 weighs, so that none is ruled out for good and there is always one to choose."""


def mcts_config(search: QuestionSearch, simulations: int) -> MctsConfig:
    """The search's rule: PUCT, the mean of values, proposals widened as the settings say."""
    settings = search.settings
    widen = (float(settings.beam_width), settings.widen) if settings.widen else None
    return MctsConfig(
        simulations=simulations, in_flight=settings.in_flight, widen=widen, propose=widen is not None
    )


def tree_search(search: QuestionSearch, n: int) -> Plan[None]:
    """N simulations. A leaf is worth its own score; its proposed steps are scored with it and share the prior.

    The root is worth the mean of its steps. A finished solution is a leaf for good; one that a limit cut off is
    closed. After `max_steps` steps a proposal writes the rest of the solution, and if none was finished at all, the
    line visited most is written to its end.
    """
    finished = len(search.completions)
    forest = Forest(mcts_config(search, n))
    forest.add_trees(1)
    while len(leaves := forest.poll(search.settings.in_flight)):
        nodes = [_node(search, leaves, leaf) for leaf in range(len(leaves))]
        steps: list[list[Node]] = [[] for _ in nodes]
        wanted = made = 0
        for to_step_end in (True, False):
            part = [leaf for leaf, node in enumerate(nodes) if _wants(search, node) is to_step_end]
            wants = [(nodes[leaf], search.settings.beam_width) for leaf in part]
            grown = yield from search.extend(wants, to_step_end=to_step_end)
            for leaf, children in zip(part, grown.children, strict=True):
                steps[leaf] = [child for child in children if child.status is not Status.CUT]
            wanted, made = wanted + len(part), made + grown.made
        if wanted and not made:
            break  # the budget is spent
        yield from search.score(step for each in steps for step in each)
        forest.answer(_answers(search, forest, leaves, nodes, steps))
    if len(search.completions) == finished:
        line = forest.best_line(0)
        end = search.tree.nodes[line[-1]] if line else search.root
        grown = yield from search.extend([(end, 1)], to_step_end=False)
        yield from search.score(grown.children[0])


def _node(search: QuestionSearch, leaves: Leaves, leaf: int) -> Node:
    path = leaves.prefix(leaf)
    return search.tree.nodes[path[-1]] if path else search.root


def _wants(search: QuestionSearch, node: Node) -> bool | None:
    """Whether single steps are wanted for a leaf, or the rest of the solution; `None` if it is finished."""
    if node.status is not Status.OPEN:
        return None
    return node.depth + 1 < search.settings.max_steps


def _answers(
    search: QuestionSearch,
    forest: Forest,
    leaves: Leaves,
    nodes: Sequence[Node],
    steps: Sequence[Sequence[Node]],
) -> Answers:
    answers = forest.answers()
    for leaf, (node, below) in enumerate(zip(nodes, steps, strict=True)):
        if node.status is Status.FINISHED:
            answers.evaluated(leaves, leaf, search.worth(node), terminal=True)
            continue
        unique = {step.number: search.worth(step) for step in below}
        priors = _priors(list(unique.values()))
        if leaves.wants_proposals(leaf):
            answers.proposed(leaves, leaf, list(unique), priors=priors)
        elif not unique:
            answers.lost(leaves, leaf)
        else:
            mean = sum(unique.values()) / len(unique)
            value = mean if node is search.root else search.worth(node)
            answers.evaluated(leaves, leaf, value, steps=list(unique), priors=priors)
    return answers


def _priors(values: Sequence[float]) -> list[float]:
    weights = [max(_LEAST_PRIOR, value) for value in values]
    return [weight / sum(weights) for weight in weights]
