"""What objectives learn on trees that can be enumerated: whether they are exact, and from how many samples.

    python benches/python/gflownet_exactness.py [--quick]

Samples: a policy of one logit an action starts uniform and draws 16 paths an update, a tenth of them by uniform
actions, until its exact total variation to the target is below .05; Adam, the learning rate of three that suits an
objective best.
"""

from __future__ import annotations

import argparse
import math
import operator
import random
import re
import statistics
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from claims_omega_prm import claim
from omega_fast.train.gflownet import objectives
from omega_fast.train.gflownet.objectives import Paths
from omega_fast.train.gflownet.tabular import (
    Loss,
    TabularPolicy,
    Tree,
    fit,
    flows,
    learn,
    optimum,
    total_variation,
)

ORACLE = Path(__file__).resolve().parents[2] / ".venv-oracle" / "bin" / "python"
BATCH, NEAR, MOST = 16, 0.05, 8_000
DRAWN = 4096
RATES = 0.03, 0.1, 0.3
SEEDS = 3


def _subtb(lam: float, kind: objectives.Flows) -> Loss:
    return lambda paths, policy: objectives.subtb(paths, lam, flows=kind)


def _balance(kind: objectives.Flows) -> Loss:
    return lambda paths, policy: objectives.detailed_balance(paths, flows=kind)


LEARNT: dict[str, Loss] = {
    "trajectory balance": lambda paths, policy: objectives.trajectory_balance(
        paths, policy.log_z[paths.groups]
    ),
    "vargrad": lambda paths, policy: objectives.vargrad(paths),
    "detailed balance, learnt flows": _balance("learnt"),
    "subtb .9, learnt flows": _subtb(0.9, "learnt"),
    "detailed balance, forward-looking": _balance("forward_looking"),
    "subtb .9, forward-looking": _subtb(0.9, "forward_looking"),
}
STOPPED: dict[str, Loss] = {
    "detailed balance, R / P_stop": _balance("stop"),
    "subtb .9, R / P_stop": _subtb(0.9, "stop"),
}


def answers(noise: float = 0.5, seed: int = 0) -> Tree:
    """64 answers at the ends of a binary tree of depth 6, four of them worth 50 times the others.

    The energy of a prefix is the log of the mean reward below it, off by a deviation of `noise`: a PRM that errs.
    """
    rng = random.Random(seed)
    parents = [-1, *((at - 1) // 2 for at in range(1, 127))]
    good = rng.sample(range(63, 127), 4)
    rewards = [-math.inf] * 63 + [0.0 if at in good else -math.log(50) for at in range(63, 127)]
    flow = flows(Tree(parents, rewards)).tolist()
    depths = [(at + 1).bit_length() - 1 for at in range(127)]
    energies = [
        each - (6 - depth) * math.log(2) + rng.gauss(0, noise)
        for each, depth in zip(flow, depths, strict=True)
    ]
    return Tree(parents, rewards, energies)


def prefixes(states: int = 30, seed: int = 2) -> Tree:
    """A random tree in each state of which one may stop, rewards over four orders of magnitude.

    The energy of a prefix is its own reward, as where a PRM's product is both.
    """
    rng = random.Random(seed)
    parents = [-1, *(rng.randrange(max(0, at - 12), at) for at in range(1, states))]
    rewards = [rng.uniform(-2, 2) * math.log(10) for _ in parents]
    return Tree(parents, rewards, rewards)


def samples_needed(tree: Tree, loss: Loss, rate: float, seed: int, most: int) -> int | None:
    """Paths drawn until the policy is near the target; `None` if it never is."""
    policy, generator = TabularPolicy(tree), torch.Generator().manual_seed(seed)

    def drawn(update: int) -> Tensor:
        return policy.draw(BATCH, generator, explore=0.1)

    for update in learn(policy, loss, drawn, updates=most // BATCH, learning_rate=rate):
        if update % 4 == 0 and total_variation(policy) < NEAR:
            return update * BATCH
    return None


def best_of(tree: Tree, loss: Loss, seeds: int, most: int) -> tuple[float, list[int | None]]:
    """The learning rate with the lowest median, and what each seed needed with it."""
    found = {rate: [samples_needed(tree, loss, rate, seed, most) for seed in range(seeds)] for rate in RATES}
    return min(found.items(), key=lambda each: statistics.median(_or(most, each[1])))


def _or(most: int, needed: Sequence[int | None]) -> list[float]:
    return [math.inf if each is None else each for each in needed]


def sample_table(seeds: int, most: int) -> None:
    """How many samples each objective needs on both trees."""
    forward = {name: loss for name, loss in LEARNT.items() if "forward" in name}
    trees = {
        "answers": (answers(), LEARNT),
        "answers, energies exact": (answers(0.0), forward),
        "answers, energies off by 2": (answers(2.0), forward),
        "prefixes": (prefixes(), LEARNT | STOPPED),
    }
    print(f"\nsamples to a total variation below {NEAR}: median of {seeds} seeds (least-most), learning rate")
    for name, (tree, losses) in trees.items():
        print(f"{name}: {len(tree.ends)} ends, {total_variation(TabularPolicy(tree)):.2f} away at first")
        for objective, loss in losses.items():
            rate, needed = best_of(tree, loss, seeds, most)
            low, middle, high = (f(_or(most, needed)) for f in (min, statistics.median, max))
            told = f"{middle:.0f} ({low:.0f}-{high:.0f})" if middle < math.inf else f"more than {most}"
            print(f"  {objective:36} {told:22} {rate}", flush=True)


def _uniform(tree: Tree, paths: int) -> Tensor:
    return TabularPolicy(tree).draw(paths, torch.Generator().manual_seed(0))


def exactness_claims(told: Callable[..., None]) -> None:
    """Claims 1: the minimum of each objective, what it is taken to from uniform paths, and torchgfn's values."""
    worst, gradients = [], []
    for tree, losses in ((answers(), LEARNT), (prefixes(), LEARNT | STOPPED)):
        ends = _uniform(tree, DRAWN)
        assert len(ends.unique()) == len(tree.ends), "every end was drawn"
        for name, loss in losses.items():
            best = optimum(tree, forward_looking="forward" in name)
            torch.autograd.backward(loss(best.paths(), best).sum())
            gradients += [float(each.grad.abs().max()) for each in best.parameters() if each.grad is not None]
            policy = TabularPolicy(tree)
            fit(policy, loss, ends, iterations=600)
            worst.append((total_variation(policy), name))
    told(
        "1a",
        max(gradients),
        1e-8,
        "greatest gradient of any objective at the closed-form optimum",
        operator.lt,
    )
    told(
        "1b",
        max(worst)[0],
        0.01,
        f"total variation from uniform paths, the worst ({max(worst)[1]})",
        operator.lt,
    )
    tree = prefixes()
    for number, (name, loss) in enumerate(_baselines(), start=1):
        policy, ends = TabularPolicy(tree), _uniform(tree, DRAWN)
        for _ in learn(policy, loss, lambda update, ends=ends: ends, updates=400, learning_rate=0.1):
            pass
        told(f"1c{number}", total_variation(policy), 0.05, f"the same of {name}, at least", operator.gt)
    told("1d", *_agreements(), "tests of make oracle that pass: values and gradients beside torchgfn's")


def _baselines() -> list[tuple[str, Loss]]:
    def reward(paths: Paths) -> Tensor:
        return paths.end_reward().exp() / 100

    return [
        (
            "REINFORCE without a baseline",
            lambda paths, policy: objectives.reinforce(paths, reward(paths), baseline="none"),
        ),
        ("REINFORCE", lambda paths, policy: objectives.reinforce(paths, reward(paths))),
        ("GRPO", lambda paths, policy: objectives.grpo(paths, reward(paths))),
    ]


def _agreements() -> tuple[int | None, int | None]:
    """How many tests against torchgfn passed, of how many; nothing where its environment is not there."""
    if not ORACLE.exists():
        return None, None
    done = subprocess.run(
        ["make", "oracle"], cwd=ORACLE.parents[2], capture_output=True, text=True, check=False
    )
    counts = {
        what: int(number) for number, what in re.findall(r"(\d+) (passed|failed|errors?)\b", done.stdout)
    }
    return counts.get("passed", 0), max(1, sum(counts.values()))


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one seed and fewer samples")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    exactness_claims(claim)
    sample_table(1 if asked.quick else SEEDS, MOST // 8 if asked.quick else MOST)


if __name__ == "__main__":
    main()
