"""Measures the figures of process reward models: a line each, `claim-N figure=.. bar=.. ok|short|absent`.

One run on the embedded task, models trained on its labels, figures against the exact truth on solutions of questions
that are in no training. `--questions` takes fewer or more of them.
"""

from __future__ import annotations

import argparse
import operator
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from claims_omega_prm import claim
from ledger_steps import Written, figures, written
from omega_fast.jobs.demo import demo
from omega_fast.train.implicit import run_implicit_training
from omega_fast.train.implicit_config import implicit_config
from omega_fast.train.prm import run_training
from omega_fast.train.prm_config import prm_config

COMMON: dict[str, Any] = {"validation": 0.0, "threads": 1, "device": "cpu", "batch_size": 32, "log_every": 50}
TRAININGS: dict[str, dict[str, Any]] = {
    "token-cls, hard": {"labels": "hard"},
    "token-cls, soft": {"labels": "soft-or-hard"},
    "probe, hard": {"head": "probe", "labels": "hard"},
    "probe on hidden states alone, hard": {"head": "probe", "labels": "hard", "probe_likelihood": False},
    "ntp, hard": {"head": "ntp", "loss": "ce", "labels": "hard"},
}
LEAST_AUROC = {"probe, hard": 0.95}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--run", type=Path, help="a run that exists, instead of a new one")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = asked.run or folder / "run"
        if asked.run is None:
            started = time.monotonic()
            found = demo(limit=asked.questions, output=run, ledger_split="train")
            claim(
                "p1a",
                found.rollouts,
                None,
                f"rollouts of {asked.questions} ledger questions of the train split",
            )
            claim("p1b", time.monotonic() - started, None, "seconds they took")
        held = written(250, 2, "validation")
        for number, (title, settings) in enumerate(TRAININGS.items(), 2):
            started = time.monotonic()
            done = run_training(run, prm_config(**COMMON, **settings), folder / f"prm{number}")
            seconds = time.monotonic() - started
            report = done.record["data"]["train"]
            told = figures(done.prm, held)
            what = f"{title}, {report['solutions']} solutions, {report['labelled']} labelled steps"
            on = f"on {told['steps']} held-out steps, {told['wrong']} wrong"
            claim(
                f"p{number}a",
                told["auroc"],
                LEAST_AUROC.get(title, 0.5),
                f"step AUROC against exact truth: {what}; {on}",
                operator.ge,
            )
            least = told["brier_of_base_rate"]
            claim(
                f"p{number}b",
                told["brier"],
                least,
                f"Brier; the bar is the best constant's: {what}",
                operator.le,
            )
            claim(f"p{number}c", seconds, None, f"seconds of training on one thread: {title}")
        for number, objective in enumerate(("ce", "dpo"), len(TRAININGS) + 2):
            _implicit(run, folder, held, number, objective)


def _implicit(run: Path, folder: Path, held: list[Written], number: int, objective: str) -> None:
    """The figures of a model that has seen outcomes alone."""
    started = time.monotonic()
    done = run_implicit_training(
        run, implicit_config(**COMMON, objective=objective), folder / f"implicit-{objective}"
    )
    seconds = time.monotonic() - started
    report, told = done.record["data"]["train"], figures(done.prm, held)
    unit = "outcomes" if objective == "ce" else "pairs"
    what = f"implicit, {objective}, {report['rows']} {unit}, {report['right']} right"
    on = f"on {told['steps']} held-out steps, {told['wrong']} wrong"
    said = f"step AUROC against exact truth: {what}; {on}"
    claim(f"p{number}a", told["auroc"], 0.5, said, operator.ge)
    least = told["brier_of_base_rate"]
    claim(f"p{number}b", told["brier"], least, f"Brier; the bar is the best constant's: {what}", operator.le)
    claim(f"p{number}c", seconds, None, f"seconds of training on one thread: implicit, {objective}")


if __name__ == "__main__":
    main()
