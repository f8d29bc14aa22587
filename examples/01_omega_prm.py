"""One question: a search, the first error found, the tree, the labels. Runs on the policy shipped with the package."""

import omega_fast
from omega_fast.tasks.ledger import first_error

QUESTION = "x is 7 . y is 6 . a y take 5 . b x times 9 . c x take 8 . d x times 7 . e x take y . ?"
GOLDEN_ANSWERS = {QUESTION: "4 1"}

finding = omega_fast.omega_prm(QUESTION, GOLDEN_ANSWERS, model="ledger-policy", preset="ledger", seed=3)

print(finding.tree())
print("\na solution with its first error last:\n" + "".join(finding.solution))
print("first error:", repr(finding.first_error))
print("the truth says step", first_error(QUESTION, finding.solution), "of", len(finding.solution), "from 0")
print(len(finding.labels), "labels from", finding.artifacts.counts.rollouts, "rollouts, for example:")
for label in finding.labels[1:4]:
    print(f"  {label.hard_label} (sure to {label.confidence}, value {label.value}): {label.step!r}")
