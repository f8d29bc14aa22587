"""P4: the same search in plain Python (lists, one loop over children), beside `omega_fast._core` from Python.

The problem is that of the Rust benchmark: B steps everywhere, equal priors, a hash as the value, in [-1, 1), Q of an
unvisited child 0.
"""

from __future__ import annotations

import math
import statistics
import time
from array import array

from omega_fast.search.mcts import Forest, MctsConfig

MASK = (1 << 64) - 1


def mix(x: int) -> int:
    x ^= x >> 30
    x = x * 0xBF58476D1CE4E5B9 & MASK
    x ^= x >> 27
    x = x * 0x94D049BB133111EB & MASK
    return x ^ (x >> 31)


def value(state: int) -> float:
    return (mix(state ^ 0x9E37) >> 40) / 8388608 - 1


class Node:
    __slots__ = ("children", "state", "sums", "visits")

    def __init__(self, state: int, steps: int) -> None:
        self.state = state
        self.visits = [0] * steps
        self.sums = [0.0] * steps
        self.children: list[Node | None] = [None] * steps


def plain(seed: int, steps: int, simulations: int) -> tuple[float, float]:
    """A search; simulations a second, and the mean depth."""
    began, depths = time.thread_time(), 0
    root, prior = Node(seed, steps), 1 / steps
    for _ in range(simulations):
        node, path = root, []
        while True:
            total = sum(node.visits) + 1
            explore = (math.log((1 + total + 19652) / 19652) + 1.25) * prior * math.sqrt(total)
            best, top = 0, -math.inf
            for step, (visits, gathered) in enumerate(zip(node.visits, node.sums, strict=True)):
                score = (gathered / visits if visits else 0.0) + explore / (1 + visits)
                if score > top:
                    best, top = step, score
            path.append((node, best))
            child = node.children[best]
            if child is None:
                break
            node = child
        leaf = node.children[best] = Node(mix(node.state + best + 1 & MASK), steps)
        found = value(leaf.state)
        depths += len(path)
        for node, step in path:
            node.visits[step] += 1
            node.sums[step] += found
    return simulations / (time.thread_time() - began), depths / simulations


def ours(trees: int, steps: int, simulations: int) -> float:
    """As many trees, their leaves answered by `answer_columns` with a value for all; simulations a second."""
    forest = Forest(MctsConfig(fpu=0.0, simulations=simulations))
    forest.add_trees(trees)
    began = time.thread_time()
    none, priors = array("f"), array("f", [1 / steps] * steps)
    while count := len(leaves := forest.poll(trees)):
        values = array("f", [value(sequence) for sequence in leaves.sequences])
        offsets = array("I", range(0, steps * (count + 1), steps))
        forest.answer_columns(
            trees=leaves.trees,
            sequences=leaves.sequences,
            kinds=bytes(count),
            values=values,
            verdicts=none,
            offsets=offsets,
            ids=none,
            priors=priors * count,
        )
    return trees * simulations / (time.thread_time() - began)


def main() -> None:
    for steps in (8, 32):
        for simulations in (800, 10_000):
            trees = 256 if simulations == 800 else 32
            rounds = [(plain(seed, steps, simulations), ours(trees, steps, simulations)) for seed in range(3)]
            slow = statistics.median(each for (each, _), _ in rounds)
            ratio = statistics.median(fast / each for (each, _), fast in rounds)
            depth = statistics.median(depth for (_, depth), _ in rounds)
            verdict = "ok" if ratio >= 1 else "short"
            print(
                f"P4 figure={ratio:.3f} baseline={slow / 1e3:.0f}k/s(plain-Python) bar=>=1 {verdict} | {trees} trees "
                f"driven from Python, B={steps}, {simulations} simulations, values [-1,1), FPU 0, PUCT, mean depth "
                f"{depth:.2f}: times the speed of a plain Python search"
            )


if __name__ == "__main__":
    main()
