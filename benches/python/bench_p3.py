"""Generated tokens per second through omega_fast over those of the bare engine, on the trace of one run (P3).

A run on the embedded task is recorded. Side A is the whole client (core, pump, engine's client, durable log,
verifier) on an engine that is made to give every draw its recorded ids, so that the search takes the same decisions;
its artifacts are compared byte for byte. Side B is the bare engine on the same prompt ids and lengths, all submitted
at once, depth first. The sides go A B B A, `--rounds` times, in one process; the figure is the median of the rounds'
ratios. Ramp and drain of the search are in it. On a busy machine the clock says little: beside the ratio stand what
does not depend on it, the engine's forwards and attended keys over the bare side's, the share of the CPU time that is
not the engine's, and CPU microseconds of our own for a draw.

`vllm`: bare `AsyncLLM`, a task a request. `transformers`: bare running batch of the backend; and, in `--others` of the
rounds, `model.generate` in batches of like length (an oracle: lengths are not known beforehand), and transformers' own
continuous batching. The model is the embedded policy, or a random Llama of 30M parameters or more.
"""

from __future__ import annotations

import argparse
import importlib
import json
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from omega_fast.models.ledger_policy import ASSETS
from random_llama import save_random_llama
from trace_of_run import Cost, Trace, record, run_config

__all__ = ["main"]

BAR = 0.95


def main() -> None:
    """Parse the command line, measure, print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=("vllm", "transformers"), default="transformers")
    parser.add_argument("--model", choices=("ledger", "random"), default="ledger")
    parser.add_argument("--slots", type=int, default=64)
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--budget", type=int, default=60, help="rollouts a question")
    parser.add_argument("--locate", default="binary", help="of the recorded run")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--others", type=int, default=2, help="rounds in which slower engines are asked too")
    arguments = parser.parse_args()
    trace = record(
        run_config(
            arguments.slots,
            limit=arguments.questions,
            locate=arguments.locate,
            num_rollouts=8,
            root_rollouts=16,
            rollout_budget=arguments.budget,
        )
    )
    say(f"{len(trace.draws)} draws, {trace.n_tokens} tokens recorded")
    with tempfile.TemporaryDirectory() as folder:
        model, parameters = ASSETS, 0
        if arguments.model == "random":
            model = Path(folder)
            parameters = save_random_llama(model)
        side = importlib.import_module(f"p3_{arguments.engine}").Side(model, trace, arguments.slots)
        found = measure(trace, side.search, side.bare, side.others, arguments)
        side.close()
    given = {"engine": arguments.engine, "model": arguments.model, "slots": arguments.slots}
    sizes = {"parameters": parameters, "draws": len(trace.draws), "tokens": trace.n_tokens}
    print(json.dumps(given | sizes | found), flush=True)
    ratio: float = found["ratio"]
    print(
        f"P3 figure={ratio} baseline={found['bare_tokens_per_s']}tokens/s(bare) bar=>={BAR} "
        f"{'ok' if ratio >= BAR else 'short'} | tokens a second over those of bare {arguments.engine}, "
        f"{arguments.model} policy, {len(trace.draws)} draws, {arguments.slots} slots; median of {arguments.rounds} "
        f"rounds; by CPU {found['cpu_ratio']}",
        flush=True,
    )


def measure(
    trace: Trace,
    search: Callable[[], Cost],
    bare: Callable[[], Cost],
    others: dict[str, Callable[[], Cost]],
    arguments: argparse.Namespace,
) -> dict[str, Any]:
    """A B B A, after one pass of each to warm up."""
    search()
    bare()
    ratios, cpu_ratios, searches, bares = [], [], [], []
    beside: dict[str, list[float]] = {name: [] for name in others}
    for number in range(arguments.rounds):
        costs = [search(), bare(), bare(), search()]
        ours, theirs = (costs[0], costs[3]), (costs[1], costs[2])
        searches += ours
        bares += theirs
        ratios.append(sum(cost.seconds for cost in theirs) / sum(cost.seconds for cost in ours))
        cpu_ratios.append(sum(cost.cpu_seconds for cost in theirs) / sum(cost.cpu_seconds for cost in ours))
        for name, other in others.items() if number < arguments.others else ():
            beside[name].append(other().seconds / statistics.mean(cost.seconds for cost in ours))
        say(f"round {number}: {ratios[-1]:.3f}, by CPU {cpu_ratios[-1]:.3f}, {beside}")
    return {
        **counts(trace, searches, bares),
        "ratio": round(statistics.median(ratios), 3),
        "ratios": [round(ratio, 3) for ratio in ratios],
        "cpu_ratio": round(statistics.median(cpu_ratios), 3),
        "tokens_per_s": round(trace.n_tokens / statistics.median(cost.seconds for cost in searches)),
        "bare_tokens_per_s": round(trace.n_tokens / statistics.median(cost.seconds for cost in bares)),
        "times_faster_than": {
            name: round(statistics.median(found), 2) for name, found in beside.items() if found
        },
        "whole_command_over_search": round(
            statistics.median(cost.whole_seconds / cost.seconds for cost in searches), 3
        ),
        "share_of_time_with_full_slots": round(statistics.mean(cost.full_share for cost in searches), 3),
    }


def counts(trace: Trace, searches: list[Cost], bares: list[Cost]) -> dict[str, float]:
    """What both sides did, in numbers that a busy machine does not change; nothing where the engine does not tell."""
    if not bares[-1].turns:
        return {}
    own = [cost.cpu_seconds - cost.engine_cpu_seconds for cost in searches]
    return {
        "turns_over_bare": round(searches[-1].turns / bares[-1].turns, 3),
        "keys_over_bare": round(searches[-1].keys / bares[-1].keys, 3),
        "rows_a_turn": round(trace.n_tokens / searches[-1].turns, 1),
        "own_share_of_cpu": round(statistics.median(map(share, own, searches)), 4),
        "own_cpu_us_a_draw": round(1e6 * statistics.median(own) / len(trace.draws), 1),
        "engine_cpu_us_a_draw": round(
            1e6 * statistics.median(cost.engine_cpu_seconds for cost in searches) / len(trace.draws), 1
        ),
    }


def share(own: float, cost: Cost) -> float:
    return own / cost.cpu_seconds


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
