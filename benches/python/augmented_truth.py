"""Three-column values against exact truth: `augmented_truth.py [--questions 20] [--seeded]`, one JSON object a set.

The embedded policy on the embedded task. A row is a hit if its value is above .5 exactly where the prefix that ends
with its step is truly right. Sets: the states that the search labelled, all augmented steps, and those on which an
exact judge agrees.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from pathlib import Path

from omega_fast.config import resolve
from omega_fast.jobs import annotate, augment, export, seed
from omega_fast.search.projection import read_artifacts
from omega_fast.store.formats import PROCESSBENCH, STEPS
from omega_fast.store.formats.labelled import LabelledSolution, labelled
from omega_fast.tasks.ledger import first_error, prefix_is_right

COMMON = {"model_name": "ledger-policy", "slots": 256, "threads": 1}
SAMPLES, RIGHT, WRONG = 16, 2, 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=20)
    parser.add_argument("--seeded", action="store_true", help="start from a seed set of the same questions")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asked = {"question_file": "ledger", "limit": given.questions}
        if given.seeded:
            drawn = resolve(
                preset="ledger", env={}, overrides=COMMON | asked | {"output_dir": folder / "seed"}
            )
            done = seed(drawn, right=RIGHT, wrong=WRONG)
            print(json.dumps({"seed": {key: value for key, value in done.to_dict().items() if key != "run"}}))
            asked = {"question_file": str(done.path), "solutions": "seed"}
        run = folder / "run"
        annotate(resolve(preset="ledger", env={}, overrides=COMMON | asked | {"output_dir": run}))
        judged = folder / "judged.jsonl"
        PROCESSBENCH.write_rows(judged, exact_judgements(run))
        export(run, format="steps", output=folder / "states.csv")
        print(json.dumps({"set": "states"} | hits(folder / "states.csv")))
        augment(run, output=folder / "augmented.csv")
        print(json.dumps({"set": "augmented"} | hits(folder / "augmented.csv")))
        agreed = augment(run, output=folder / "agreed.csv", consensus=judged)
        print(json.dumps({"set": "agreed"} | hits(folder / "agreed.csv") | {"consensus": agreed.consensus}))


def exact_judgements(run: Path) -> list[LabelledSolution]:
    """Every whole rollout of a run, with its true first error."""
    found: dict[tuple[str, str], LabelledSolution] = {}
    for artifacts in read_artifacts(run):
        problem = artifacts.question.problem
        for rollout in artifacts.rollouts:
            text = artifacts.prefix(rollout.node) + rollout.text
            steps = text.splitlines(keepends=True)
            error = first_error(problem, steps)
            right = [number < error or error < 0 for number in range(len(steps))]
            found[problem, text] = labelled(problem, steps, right, correct=rollout.verdict == "correct")
    return list(found.values())


def hits(path: Path) -> dict[str, object]:
    """Rows, hits and their share, by what is true of the prefix."""
    total: Counter[bool] = Counter()
    right: Counter[bool] = Counter()
    for row in STEPS.read(path):
        problem, _, prefix = row.prefix.partition("\n\n")
        truth = prefix_is_right(problem, (prefix + row.step).splitlines(keepends=True))
        total[truth] += 1
        right[truth] += (row.value > 0.5) == truth
    return {
        "rows": total.total(),
        "share_of_hits": right.total() / total.total(),
        "of_right_prefixes": [right[True], total[True]],
        "of_wrong_prefixes": [right[False], total[False]],
    }


if __name__ == "__main__":
    main()
