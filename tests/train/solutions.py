"""Solutions whose right steps say so, as training data that a tiny model learns in a moment."""

import random

from omega_fast.store.formats import LabelledSolution
from omega_fast.store.formats.labelled import labelled

RIGHT, WRONG = "a y 1 + 8 = 9\n", "b x 9 - 2 = 1\n"


def solution(number: int, kinds: str, soft: list[float | None] | None = None) -> LabelledSolution:
    """The steps `kinds`, + right and - wrong, of question `number`."""
    steps = [RIGHT if kind == "+" else WRONG for kind in kinds]
    return labelled(f"x is {number} . ?", steps, [kind == "+" for kind in kinds], soft)


def solutions(count: int, seed: int = 0) -> list[LabelledSolution]:
    """`count` solutions of 1 to 4 steps, all different."""
    rng = random.Random(seed)
    return [
        solution(number, "".join(rng.choice("+-") for _ in range(rng.randint(1, 4))))
        for number in range(count)
    ]
