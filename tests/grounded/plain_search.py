"""GroundedPRM's search as it is written down: dictionaries, doubles, UCT at every depth; and a world to search in."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from omega_fast.grounded.checking import Check
from omega_fast.grounded.problem import Problem, Step
from omega_fast.verifiers.tools import Finding, ToolAnswer

__all__ = ["Plain", "World", "problem"]

Path = tuple[Step, ...]


def problem(number: int) -> Problem:
    return Problem(f"q{number}", f"question {number}", (), "find it", 5, "1")


@dataclass(frozen=True)
class World:
    """Steps, verdicts and ends that depend on the steps before alone."""

    seed: int

    def _draw(self, *what: object) -> random.Random:
        return random.Random(repr((self.seed, *what)))

    def next_steps(self, steps: Sequence[Step], n: int) -> list[Step]:
        done = tuple(each.action for each in steps)
        found = []
        for number in range(n):
            draw = self._draw(done, n, number)
            ends = len(done) >= 2 and draw.random() < 0.25
            action = f"{len(done)}.{draw.randrange(4)}" + (" end" if ends else "")
            found.append(Step("", action, str(draw.randrange(2)) if ends else None))
        return list(dict.fromkeys(found))

    def finding(self, steps: Sequence[Step]) -> Finding:
        draw = self._draw("check", *(each.action for each in steps)).random()
        return Finding.RIGHT if draw < 0.6 else Finding.WRONG if draw < 0.9 else Finding.CANNOT_SAY

    async def propose(self, _problem: Problem, steps: Sequence[Step], n: int, _seed: int) -> list[Step]:
        return self.next_steps(steps, n)

    async def check(self, _problem: Problem, steps: Sequence[Step]) -> Check:
        found = self.finding(steps)
        return Check(found, "", "", ToolAnswer(found, ""), None)


@dataclass
class _Node:
    children: list[Path] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    own: float = 0.0
    visited: bool = False


@dataclass
class Plain:
    """A search of so many rounds.

    A leaf's own value is fused from the verdicts on the steps that were played and the outcome F: (1 - w) sum(v_i (n -
    i)) / sum(n - i) + w F. To each node above, and to the leaf, goes the same of the verdicts from there to the leaf,
    with the leaf's value for F, times .9 for each level on the way up.
    """

    world: World
    rounds: int
    depth: int
    width: int = 3
    exploration: float = 1.4
    outcome_weight: float = 0.3
    discount: float = 0.9
    nodes: dict[Path, _Node] = field(default_factory=dict)

    def run(self) -> None:
        root = self.nodes[()] = _Node(visited=True, values=[0.0])
        self._expand(root, ())
        for _ in range(self.rounds):
            path: Path = ()
            while self.nodes[path].children:
                path = max(self.nodes[path].children, key=self._score)  # the first among equals
            node = self.nodes[path]
            if not node.visited:
                node.visited = True
                node.own = self._played(path)
                if path[-1].answer is None and len(path) < self.depth:
                    self._expand(node, path)
            self._back_up(path, node.own)

    def _expand(self, node: _Node, path: Path) -> None:
        node.children = [(*path, step) for step in self.world.next_steps(path, self.width)]
        for child in node.children:
            self.nodes[child] = _Node()

    def _score(self, path: Path) -> float:
        node, parent = self.nodes[path], self.nodes[path[:-1]]
        mean = parent.values if not node.values else node.values
        above = len(parent.values) + 1  # the visit under way counts
        return sum(mean) / len(mean) + self.exploration * math.sqrt(
            math.log(above) / max(1, len(node.values))
        )

    def _played(self, path: Path) -> float:
        played = path
        while played[-1].answer is None and len(played) < self.depth:
            played = (*played, self.world.next_steps(played, 1)[0])
        outcome = 1.0 if played[-1].answer == "1" else -1.0
        return self._fused(
            [self._verdict(played[:end]) for end in range(len(path) + 1, len(played) + 1)], outcome
        )

    def _verdict(self, path: Path) -> float:
        return {Finding.RIGHT: 1.0, Finding.WRONG: -1.0}.get(self.world.finding(path), 0.0)

    def _fused(self, verdicts: list[float], outcome: float) -> float:
        n = len(verdicts)
        if not n:
            return outcome
        weighted = sum(verdict * (n - at) for at, verdict in enumerate(verdicts)) / sum(range(1, n + 1))
        return (1 - self.outcome_weight) * weighted + self.outcome_weight * outcome

    def _back_up(self, leaf: Path, own: float) -> None:
        for length in range(len(leaf), -1, -1):
            below = [self._verdict(leaf[:end]) for end in range(max(1, length), len(leaf) + 1)]
            faded = self.discount ** (len(leaf) - length)
            self.nodes[leaf[:length]].values.append(faded * self._fused(below, own))
