"""Measures the figures of guided search: a line each, `claim-N figure=.. bar=.. ok|short|absent`, and tables.

Ledger questions of the test split and of longer lengths, every method at the same generated tokens a question, with
the task's exact truth as the process reward model and with a probe trained on labels of a run (made here, or `--prm`).
"""

from __future__ import annotations

import argparse
import json
import operator
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from claims_omega_prm import claim
from omega_fast.backends.base import Backend
from omega_fast.config import AnnotateConfig, resolve
from omega_fast.eval.intervals import over_seeds
from omega_fast.jobs import eval_guided
from omega_fast.jobs.demo import demo
from omega_fast.jobs.guided_settings import run_overrides
from omega_fast.jobs.opening import open_policy
from omega_fast.models.scorers import load_scorer
from omega_fast.records import Question, StepScorer
from omega_fast.tasks.ledger import LedgerConfig, questions
from omega_fast.tasks.ledger.exact_scorer import exact_scorer
from omega_fast.train.prm import run_training
from omega_fast.train.prm_config import prm_config

METHODS: Mapping[str, Mapping[str, Any]] = {
    "best_of_n": {"n": 16},
    "greedy": {"beam_width": 4},
    "beam": {"n": 8, "beam_width": 4},
    "dvts": {"n": 8, "beam_width": 4},
    "mcts": {"n": 64, "beam_width": 4},
    "omega": {"n": 64, "beam_width": 4},
}
LENGTHS = {"5 and 6 operations": (5, 6), "7 and 8 operations": (7, 8)}
SLOTS = 256


@dataclass
class OneAtATime:
    """A scorer that is asked for one candidate at a time, as published loops do; counts its calls."""

    scorer: StepScorer
    calls: int = 0
    sizes: list[int] = field(default_factory=list)

    def score_many(self, solutions: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
        self.calls += len(solutions)
        return [self.scorer.score_many([each])[0] for each in solutions]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=24, help="of each of the two groups of lengths")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--budgets", type=int, nargs="+", default=[256, 512, 1024])
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    parser.add_argument("--lengths", nargs="+", default=list(LENGTHS), choices=list(LENGTHS))
    parser.add_argument("--prm", type=Path, help="a trained probe, instead of a new one")
    parser.add_argument("--train-questions", type=int, default=100)
    parser.add_argument("--rows", type=Path, help="where every figure goes, as JSON Lines")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prm = asked.prm or _trained(folder, asked.train_questions)
        scorers = {"exact truth": exact_scorer(), "probe": load_scorer(str(prm))}
        with closing(open_policy(_config(folder))) as engine:
            _calls(folder, engine, scorers["probe"])
            found = _compared(folder, engine, scorers, asked)
    if asked.rows is not None:
        asked.rows.write_text("".join(json.dumps(each) + "\n" for each in found))
    _tables(found)
    _beats(found)


def _config(output: Path, seed: int = 0, **more: Any) -> AnnotateConfig:
    given = {
        "question_file": "ledger",
        "threads": 1,
        "slots": SLOTS,
        "seed": seed,
        "output_dir": output,
        **more,
    }
    return resolve(env={}, overrides=run_overrides(given))


def _trained(folder: Path, count: int) -> Path:
    """A tuned probe, the best model of `claims_prm.py`, trained on the labels of a run over the train split."""
    demo(limit=count, output=folder / "run", ledger_split="train")
    common = {"validation": 0.0, "threads": 1, "device": "cpu", "batch_size": 32, "log_every": 22}
    config = prm_config(**common, head="probe", probe_tune=True, labels="hard", max_steps=66)
    run_training(folder / "run", config, folder / "prm")
    return folder / "prm"


def _calls(folder: Path, engine: Backend, prm: StepScorer) -> None:
    """Calls and time at 64 questions, beside the same searches one question and one candidate at a time."""
    asked = list(questions(LedgerConfig(), 64, 0, "test"))
    search = {"method": "beam", "n": 8, "beam_width": 4}
    together = eval_guided(_config(folder / "together"), search, scorer=prm, questions=asked, backend=engine)
    alone = OneAtATime(prm)
    one = eval_guided(
        _config(folder / "alone", max_open=1), search, scorer=alone, questions=asked, backend=engine
    )
    what = f"beam search, 64 questions, {together.scored} candidates"
    claim(
        "g1a",
        alone.calls / together.calls,
        10.0,
        f"scorer calls of a loop over ours ({alone.calls} over {together.calls}); {what}",
        operator.ge,
    )
    claim(
        "g1b",
        one.seconds / together.seconds,
        None,
        f"its seconds over ours ({one.seconds:.1f} over {together.seconds:.1f}), on one thread",
    )
    for name, done in (("together", together), ("alone", one)):
        right = done.results["accuracy"]["weighted"]["value"]
        claim(
            "g1c",
            right,
            None,
            f"of the answers right by weighted votes, {name}; scores differ by a batch's float noise",
        )


def _compared(
    folder: Path, engine: Backend, scorers: Mapping[str, StepScorer], asked: argparse.Namespace
) -> list[dict[str, Any]]:
    found = []
    for title in asked.lengths:
        lengths = LENGTHS[title]
        split = "long" if title.startswith("7") else "test"
        config = LedgerConfig(operations=lengths) if split == "test" else LedgerConfig()
        held: list[Question] = list(questions(config, asked.questions, 1, split))
        for budget in asked.budgets:
            for method in asked.methods:
                for name, scorer in scorers.items():
                    for seed in range(asked.seeds):
                        output = folder / f"{split}-{budget}-{method}-{name}-{seed}"
                        began = time.monotonic()
                        done = eval_guided(
                            _config(output, seed),
                            {
                                "method": method,
                                "token_budget": budget,
                                "aggregation": "prod",
                                **METHODS[method],
                            },
                            scorer=scorer,
                            questions=held,
                            backend=engine,
                        )
                        row = {
                            "lengths": title,
                            "budget": budget,
                            "method": method,
                            "prm": name,
                            "seed": seed,
                        }
                        seconds = time.monotonic() - began
                        found.append(
                            {**row, **_figures(done.results), "calls": done.calls, "seconds": seconds}
                        )
                        print(json.dumps(found[-1]), flush=True)
    return found


def _figures(results: Mapping[str, Any]) -> dict[str, float]:
    accuracy = {how: each["value"] for how, each in results["accuracy"].items()}
    return {
        **accuracy,
        "any": results["any"]["value"],
        "any_wholly_right": results["any_wholly_right"]["value"],
        "distinct_wholly_right": results["distinct_wholly_right"],
        "tokens": results["tokens_a_question"],
        "candidates": results["candidates_a_question"],
    }


def _cell(found: Sequence[Mapping[str, Any]], name: str, **of: Any) -> list[float]:
    """One figure of every seed."""
    return [each[name] for each in found if all(each[key] == value for key, value in of.items())]


def _shown(values: Sequence[float]) -> str:
    spread = over_seeds(values)
    half = f" ±{100 * (spread.high - spread.value):.0f}" if len(values) > 1 else ""
    return f"{100 * spread.value:.0f}{half}"


def _tables(found: Sequence[Mapping[str, Any]]) -> None:
    """Percent right by weighted votes, with the interval over seeds; different right solutions; tokens."""
    for title in dict.fromkeys(each["lengths"] for each in found):
        for prm in dict.fromkeys(each["prm"] for each in found):
            print(
                f"\n{title}, {prm}: % right by weighted votes / some candidate wholly right / different such ones"
            )
            for method in dict.fromkeys(each["method"] for each in found):
                cells = []
                for budget in dict.fromkeys(each["budget"] for each in found):
                    of = {"lengths": title, "prm": prm, "method": method, "budget": budget}
                    if not (right := _cell(found, "weighted", **of)):
                        continue
                    wholly, distinct = (
                        _cell(found, each, **of) for each in ("any_wholly_right", "distinct_wholly_right")
                    )
                    tokens = _cell(found, "tokens", **of)
                    mean = sum(distinct) / len(distinct)
                    cells.append(
                        f"{_shown(right)} / {_shown(wholly)} / {mean:.2f} @ {sum(tokens) / len(tokens):.0f}"
                    )
                print(f"| {method} | " + " | ".join(cells) + " |")
            votes = [
                _shown(_cell(found, "majority", lengths=title, prm=prm, method="best_of_n", budget=budget))
                for budget in dict.fromkeys(each["budget"] for each in found)
            ]
            print("| majority of best_of_n | " + " | ".join(votes) + " |")


def _beats(found: Sequence[Mapping[str, Any]]) -> None:
    """The best guided method over weighted best-of-N at equal tokens, with its interval over seeds."""
    groups = dict.fromkeys((each["lengths"], each["prm"], each["budget"]) for each in found)
    for number, (lengths, prm, budget) in enumerate(groups, 2):
        of = {"lengths": lengths, "prm": prm, "budget": budget}
        base = _cell(found, "weighted", method="best_of_n", **of)
        gains = {
            method: over_seeds([100 * (a - b) for a, b in zip(cell, base, strict=True)])
            for method in dict.fromkeys(each["method"] for each in found)
            if method != "best_of_n" and (cell := _cell(found, "weighted", method=method, **of))
        }
        best = max(gains, key=lambda method: gains[method].value)
        gain = gains[best]
        claim(
            f"g{number}",
            gain.value,
            0.0,
            f"points ({gain.low:.1f} to {gain.high:.1f} over {gain.n} seeds) of {best}, the best of {len(gains)}, over "
            f"weighted best-of-N ({100 * over_seeds(base).value:.1f}) at {budget} tokens; {lengths}, {prm}",
            operator.gt,
        )


if __name__ == "__main__":
    main()
