"""From questions to process reward models: annotate a few, train on labels and on outcomes, score two solutions.

Everything runs on the policy shipped with the package; about a minute on one core. Twenty questions show the
way and are far too few to learn from: the scores of a right and a wrong solution hardly differ (see docs/log.md).
"""

import tempfile
from pathlib import Path

import omega_fast
from omega_fast.tasks.ledger import LedgerConfig, questions, right_solutions

with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    run = omega_fast.annotate(
        "ledger", output_dir=folder / "run", limit=20, ledger_split="train", slots=256, threads=1
    )
    print(run.summary.labels, "labels from", run.summary.rollouts, "rollouts")

    # Any file of labelled solutions would do as well; `omega train prm RUN -o prm` does the same
    prm = omega_fast.train_prm(run.path, folder / "prm", labels="hard", epochs=3, threads=1)

    # The other way takes no labels of steps, only which rollouts were right; `omega train implicit-prm RUN -o prm`
    implicit = omega_fast.train_implicit_prm(
        run.path, folder / "implicit", max_steps=20, batch_size=32, threads=1
    )

    question = next(questions(LedgerConfig(), 1, seed=0, split="test")).problem
    right = list(next(right_solutions(question)))
    wrong = [*right[:-1], "answer 0 0\n"]
    for title, steps in ("right", right), ("wrong", wrong):
        print(f"\na {title} solution of {question}")
        adds = implicit.process_rewards(question, steps)
        for step, score, added in zip(steps, prm(question, steps), adds, strict=True):
            print(f"  {score:.2f}  {added:+.2f}  {step.rstrip()}")
        print(f"  {prm.score_solution(question, steps):.3f}  the whole, by {prm.card.aggregation}")

    # The folder is an ordinary checkpoint: safetensors, configuration, tokenizer, and prm.json
    print("\n" + ", ".join(sorted(path.name for path in (folder / "prm").iterdir())))
