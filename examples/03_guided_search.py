"""A process reward model at work: one question by sampling and by guided search, at the same cost in tokens.

Runs on the policy shipped with the package; the task's own truth stands in for a perfect model. A trained one is named
in its place: `prm="out/prm"`, the folder that `omega train prm` wrote.
"""

import omega_fast
from omega_fast.tasks.ledger.exact_scorer import exact_scorer

QUESTION = (
    "x is 4 . y is 3 . a x take 1 . b x times 3 . c y times 3 . d y take 6 . e y times 3 . f y add 6 . "
    "g x add y . ?"
)
SAME = {"prm": exact_scorer(), "token_budget": 600, "aggregation": "min", "seed": 1, "threads": 1}

for method in "best_of_n", "beam", "dvts", "mcts", "omega":
    found = omega_fast.solve(QUESTION, method=method, **SAME)
    right = {each.text for each in found.candidates if each.score == 1.0}
    print(
        f"{method:10} answer {found.answer}  {found.tokens} tokens  {len(found.candidates):2} finished solutions  "
        f"{len(right)} different ones without a wrong step"
    )

found = omega_fast.solve(QUESTION, method="beam", **SAME)
print("\nthe solution that beam search chose, with the score of each step:")
if found.best is not None and found.best.scores is not None:
    for step, score in zip(found.best.steps, found.best.scores, strict=True):
        print(f"  {score:.2f}  {step.rstrip()}")
