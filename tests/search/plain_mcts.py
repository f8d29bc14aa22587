"""Tree search as the papers write it: dictionaries, doubles, no tricks.

`python -m tests.search.plain_mcts > tests/golden/mcts.jsonl` records trees.
"""

from __future__ import annotations

import json
import math
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

Path = tuple[int, ...]


@dataclass
class Evaluation:
    value: float
    priors: list[float]
    terminal: bool


@dataclass
class Node:
    prior: float
    visits: int = 0  # those in flight included
    values: list[float] = field(default_factory=list)
    children: list[Path] = field(default_factory=list)
    evaluation: Evaluation | None = None


@dataclass
class Plain:
    """Selections in the order of the core's contract: after each commit, until `in_flight` leaves are out."""

    config: dict
    evaluate: Callable[[Path], Evaluation]
    nodes: dict[Path, Node] = field(default_factory=lambda: {(): Node(1.0)})
    selected: list[Path] = field(default_factory=list)

    def run(self) -> None:
        waiting: list[Path] = []
        self._fill(waiting)
        while waiting:
            leaf = waiting.pop(0)
            evaluation = self.nodes[leaf].evaluation = self.evaluate(leaf)
            if not evaluation.terminal:
                for step, prior in enumerate(evaluation.priors):
                    self.nodes[leaf].children.append((*leaf, step))
                    self.nodes[(*leaf, step)] = Node(prior)
            self._back_up(leaf, evaluation.value)
            self._fill(waiting)

    def q(self, path: Path) -> float:
        values = self.nodes[path].values
        rule = self.config["backup"]["rule"]
        return {"mean": sum(values) / len(values), "max": max(values), "min": min(values)}[rule]

    def _fill(self, waiting: list[Path]) -> None:
        while len(waiting) < self.config["in_flight"] and self.nodes[()].visits < self.config["simulations"]:
            path: Path = ()
            while self.nodes[path].children:
                path = max(self.nodes[path].children, key=self._score)  # the first among equals
            if path in waiting:
                return
            for ancestor in prefixes(path):
                self.nodes[ancestor].visits += 1
            known = self.nodes[path].evaluation
            if known is None:
                self.selected.append(path)
                waiting.append(path)
            else:
                self._back_up(path, known.value)

    def _back_up(self, leaf: Path, value: float) -> None:
        for ancestor in prefixes(leaf):
            self.nodes[ancestor].values.append(value)

    def _score(self, path: Path) -> float:
        child, parent = self.nodes[path], self.nodes[path[:-1]]
        # The visit under way counts at the parent, as it does for the other visits in flight.
        above = parent.visits + 1
        select = self.config["select"]
        if select["rule"] == "uct":
            bonus = select["weight"] * math.sqrt(math.log(above) / max(1, child.visits))
        else:
            c = math.log((1 + above + select["base"]) / select["base"]) + select["init"]
            bonus = c * child.prior * math.sqrt(above) / (1 + child.visits)
        return self._worth(path) + bonus

    def _worth(self, path: Path) -> float:
        if self.nodes[path].values:
            return self.q(path)
        fpu = self.config["fpu"]
        if fpu["is"] == "fixed":
            return fpu["value"]
        if fpu["is"] == "first":
            return math.inf if self.nodes[path].visits == 0 else self.q(path[:-1])
        return self.q(path[:-1]) - fpu["reduction"]


def prefixes(path: Path) -> list[Path]:
    return [path[:length] for length in range(len(path) + 1)]


def random_tree(seed: int, *, deepest: int = 7) -> Callable[[Path], Evaluation]:
    """Values in [0, 1], up to 11 steps, ends from the second step on; the same for a path whenever it is asked for."""

    def evaluate(path: Path) -> Evaluation:
        draw = random.Random(f"{seed}:{path}")
        weights = [draw.random() ** 2 + 0.01 for _ in range(draw.randint(1, 11))]
        terminal = len(path) >= deepest or (len(path) > 1 and draw.random() < 0.1)
        priors = [] if terminal else [round(weight / sum(weights), 6) for weight in weights]
        return Evaluation(round(draw.random(), 6), priors, terminal)

    return evaluate


PUCT = {"rule": "puct", "base": 19652.0, "init": 1.25}
CASES = {
    "puct": {"select": PUCT, "fpu": {"is": "fixed", "value": 0.0}},
    "puct, base 50, eight in flight": {
        "select": PUCT | {"base": 50.0},
        "fpu": {"is": "parent", "reduction": 0.1},
        "in_flight": 8,
    },
    "uct": {"select": {"rule": "uct", "weight": 0.7}, "fpu": {"is": "first"}},
    "uct, five in flight": {
        "select": {"rule": "uct", "weight": 1.4},
        "fpu": {"is": "first"},
        "in_flight": 5,
    },
    "puct, max": {"select": PUCT, "fpu": {"is": "parent", "reduction": 0.0}, "backup": {"rule": "max"}},
    "uct, min": {
        "select": {"rule": "uct", "weight": 0.3},
        "fpu": {"is": "fixed", "value": 1.0},
        "backup": {"rule": "min"},
        "in_flight": 3,
    },
}


def record(name: str, changes: dict, seed: int) -> dict:
    """A search as the golden file keeps it: configuration, evaluations in the order of selection, the root's end."""
    config = {"simulations": 160, "in_flight": 1, "backup": {"rule": "mean"}} | changes
    plain = Plain(config, random_tree(seed))
    plain.run()
    evaluations = [
        {"path": path, "value": known.value, "priors": known.priors, "terminal": known.terminal}
        for path in plain.selected
        if (known := plain.nodes[path].evaluation) is not None
    ]
    children = [
        {"visits": plain.nodes[path].visits, "q": plain.q(path) if plain.nodes[path].values else None}
        for path in plain.nodes[()].children
    ]
    return {"name": name, "config": config, "evaluations": evaluations, "root": children}


def main() -> None:
    lines = [json.dumps(record(name, changes, seed)) for seed, (name, changes) in enumerate(CASES.items())]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
