"""Solutions of some questions that share beginnings."""

from __future__ import annotations

import random

from omega_fast.store.formats.labelled import labelled
from omega_fast.train.data import Example
from tests.train.solutions import RIGHT, WRONG

WORDS = [RIGHT, WRONG, "c z 2 * 3 = 6\n"]


def trees(questions: int = 3, each: int = 6, seed: int = 0) -> list[Example]:
    """Solutions that share beginnings, each state with one estimate in all of them, now and then with none."""
    rng = random.Random(seed)
    values: dict[tuple[int, ...], float | None] = {}
    found = {}
    for number in range(questions):
        for _ in range(each):
            path = tuple(rng.randrange(3) for _ in range(rng.randint(1, 4)))
            for at in range(1, len(path) + 1):
                values.setdefault((number, *path[:at]), rng.choice([0.0, 0.25, 0.5, 1.0, None]))
            found[number, *path] = path
    examples = []
    for (number, *_), path in found.items():
        soft = [values[number, *path[:at]] for at in range(1, len(path) + 1)]
        hard = [None if value is None else value > 0 for value in soft]
        solution = labelled(f"x is {number} . ?", [WORDS[at] for at in path], hard, soft)
        examples.append(Example(solution, start=0.5, weight=rng.choice([0.5, 1.0, 2.0])))
    rng.shuffle(examples)
    return examples
