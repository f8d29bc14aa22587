"""A policy fine-tuned to write each right solution as often as its own reference does, and wrong ones seldom.

Runs on the policy and the task shipped with the package, a few minutes on one core. The task's own truth is the reward;
a trained reward model is named in its place: `prm="out/prm"`, the folder that `omega train prm` wrote.
"""

import math

import omega_fast
from omega_fast.tasks.ledger import LedgerConfig, questions

QUESTIONS = list(questions(LedgerConfig(operations=(3, 4)), 24, seed=0, split="train"))

done = omega_fast.train_gflownet(
    QUESTIONS,
    "out/policy",
    prm="omega_fast.tasks.ledger.exact_scorer:exact_scorer",
    aggregation="min",
    beta=0.25,  # a right solution is worth exp(1 / beta) = 55 wrong ones that the reference likes as much
    objective="vargrad",
    lora_rank=0,
    learning_rate=3e-4,
    prompts=4,
    samples=8,
    updates=30,
    max_new_tokens=96,
    threads=1,
    on_log=lambda entry: print(
        f"update {entry['step']:2}  r {entry['r']:.2f}  entropy {entry['entropy']:.2f}"
    ),
)
log = done.record["log"]
for name, about in {
    "right": "share of right answers",
    "distinct_right": "different right solutions, of those drawn",
    "log_z": f"log Z, at most 1 / beta = {1 / 0.25:g}",
}.items():
    first, last = (math.fsum(entry[name] for entry in part) / 5 for part in (log[:5], log[-5:]))
    print(f"{about}: {first:.2f} at first, {last:.2f} at last")
print(f"the policy is in {done.folder}, with plots; faults: {done.record['faults']}")
