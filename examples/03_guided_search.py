"""A process reward model at work: the same question by sampling alone and by beam search, at the same cost in tokens.

Runs on the policy shipped with the package; the task's own truth stands in for a perfect model. A trained one is named
in its place: `prm="out/prm"`, the folder that `omega train prm` wrote.
"""

import omega_fast
from omega_fast.tasks.ledger.exact_scorer import exact_scorer

QUESTION = (
    "x is 3 . y is 8 . a y take 9 . b x times 7 . c x take 6 . d y times 4 . e y take 7 . f x take y . ?"
)
SAME = {"prm": exact_scorer(), "token_budget": 600, "aggregation": "min", "seed": 1, "threads": 1}

for method in "best_of_n", "beam", "dvts", "mcts", "omega":
    found = omega_fast.solve(QUESTION, method=method, **SAME)
    right = {each.text for each in found.candidates if each.score == 1.0}
    print(
        f"{method:10} answer {found.answer}  {found.tokens} tokens  {len(found.candidates):2} finished solutions  "
        f"{len(right)} different ones without a wrong step"
    )

found = omega_fast.solve(QUESTION, method="beam", n=8, beam_width=4, **SAME)
print("\nthe solution that beam search chose, with the score of each step:")
if found.best is not None:
    for step, score in zip(found.best.steps, found.best.scores, strict=True):
        print(f"  {score:.2f}  {step.rstrip()}")
