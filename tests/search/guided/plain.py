"""The published algorithms as plainly as they can be written, on the proposals and scores of `world`."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

from .world import rest, step, step_scores


class Sampler:
    """Draws of a prefix in turn, by number."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()

    def step(self, prefix: str) -> tuple[str, bool]:
        number = self.asked[prefix]
        self.asked[prefix] += 1
        return step(prefix, number)

    def rest(self, prefix: str) -> str:
        number = self.asked[prefix]
        self.asked[prefix] += 1
        return rest(prefix, number)


def score(text: str) -> float:
    return step_scores(text.splitlines(keepends=True))[-1]


def looked_ahead(text: str, lookahead: int) -> str:
    for _ in range(lookahead):
        following, ends = step(text, -1)
        text += following
        if ends:
            break
    return text


def beam_search(n: int, width: int, iterations: int, *, unique: bool, lookahead: int = 0) -> list[str]:
    """Snell et al. as search-and-learn runs it: n beams, the best n / width of those not complete go on."""
    sampler, beams, complete = Sampler(), [""], []
    for iteration in range(iterations):
        repeats = [beams[at % len(beams)] for at in range(n)]
        repeats = sorted(repeats, key=beams.index)
        last = iteration + 1 == iterations
        active: list[str] = []
        for beam in repeats:
            text, ends = (sampler.rest(beam), True) if last else sampler.step(beam)
            if ends:
                complete.append(beam + text)
            else:
                active.append(beam + text)
        if unique:
            active = list(dict.fromkeys(active))
        ranked = sorted(active, key=lambda text: score(looked_ahead(text, lookahead)), reverse=True)
        beams = ranked[: n // width]
        if not beams or len(complete) >= n:
            break
    return complete


def diverse_tree_search(n: int, width: int, iterations: int) -> list[str]:
    """DVTS: n / width subtrees, each keeps its best child; a subtree whose best child is complete is done."""
    sampler = Sampler()
    trees: list[str | None] = [""] * (n // width)
    complete: list[str] = []
    for iteration in range(iterations):
        last = iteration + 1 == iterations
        for at, beam in enumerate(trees):
            if beam is None:
                continue
            candidates = []
            for _ in range(width):
                text, ends = (sampler.rest(beam), True) if last else sampler.step(beam)
                candidates.append((beam + text, ends))
                if ends:
                    complete.append(beam + text)
            best, ended = max(candidates, key=lambda each: score(each[0]))
            trees[at] = None if ended else best
    return complete


@dataclass
class Tree:
    text: str
    terminal: bool = False
    value: float = 0.0
    children: list[Tree] = field(default_factory=list)
    priors: list[float] = field(default_factory=list)
    opened: bool = False
    visits: int = 0
    total: float = 0.0


def tree_search(simulations: int, width: int) -> tuple[Tree, list[str]]:
    """PUCT, one simulation at a time: expand by `width` proposals, back up the leaf's own score."""
    sampler, root, complete = Sampler(), Tree(""), []
    for _ in range(simulations):
        path = [root]
        while path[-1].opened and not path[-1].terminal:
            path.append(chosen(path[-1]))
        leaf = path[-1]
        if not leaf.terminal:
            for _ in range(width):
                text, ends = sampler.step(leaf.text)
                if ends:
                    complete.append(leaf.text + text)
                if leaf.text + text not in [child.text for child in leaf.children]:
                    leaf.children.append(Tree(leaf.text + text, ends, score(leaf.text + text)))
            weights = [max(1e-3, child.value) for child in leaf.children]
            leaf.priors = [weight / sum(weights) for weight in weights]
            leaf.opened = True
        mean = sum(child.value for child in leaf.children) / max(1, len(leaf.children))
        value = mean if leaf is root else leaf.value
        for node in path:
            node.visits += 1
            node.total += value
    if not complete:
        line = root
        while any(child.visits for child in line.children):
            line = max(line.children, key=lambda child: child.visits)
        complete.append(line.text + sampler.rest(line.text))
    return root, complete


def chosen(node: Tree) -> Tree:
    visits = node.visits + 1  # the visit under way counts
    explore = math.log((1 + visits + 19652) / 19652) + 1.25
    parent = node.total / node.visits

    def worth(at: int) -> float:
        child = node.children[at]
        q = child.total / child.visits if child.visits else parent
        return q + explore * node.priors[at] * math.sqrt(visits) / (1 + child.visits)

    return node.children[max(range(len(node.children)), key=worth)]
