"""Measures the figures of process reward models: a line each, `claim-N figure=.. bar=.. ok|short|absent`.

One run on the embedded task, models trained on its labels, figures against the exact truth on questions that are in no
training. `--folder` keeps everything, and the same command goes on there; `--only` takes the groups named alone.
"""

from __future__ import annotations

import argparse
import json
import operator
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from claims_omega_prm import claim
from omega_fast.eval.intervals import over_seeds
from omega_fast.jobs.demo import demo
from omega_fast.models.prm import PRM
from omega_fast.train.implicit import run_implicit_training
from omega_fast.train.implicit_config import implicit_config
from omega_fast.train.prm import run_training
from omega_fast.train.prm_config import ntp_config, prm_config
from prm_table import OPERATIONS, Bench, exact_rows, made

COMMON: dict[str, Any] = {"validation": 0.0, "threads": 1, "device": "cpu", "batch_size": 32, "log_every": 22}
UPDATES = 66
"""Of every model that is trained whole: three passes over what a run of 100 questions gives."""

HARD: dict[str, Any] = {"labels": "hard"}
PACKED: dict[str, Any] = {"pack": "on"}
BEST = "probe, tuned"
MODELS: dict[str, tuple[int, dict[str, Any]]] = {
    "token-cls, hard": (3, HARD),
    "token-cls, hard, packed": (3, {**HARD, **PACKED}),
    "token-cls, soft": (3, PACKED),
    "implicit, ce": (3, {"objective": "ce"}),
    BEST: (3, {**HARD, "head": "probe", "probe_tune": True}),
    "probe": (1, {**HARD, "head": "probe"}),
    "probe on hidden states alone": (1, {**HARD, "head": "probe", "probe_likelihood": False}),
    "ntp": (1, {**HARD, **PACKED, "head": "ntp"}),
    "implicit, dpo": (1, {"objective": "dpo"}),
    "pqm": (1, {**HARD, **PACKED, "loss": "pqm"}),
    "pairwise": (1, {**HARD, **PACKED, "loss": "pairwise"}),
}
"""How many seeds each has, and its settings."""

LABELS = ("binary", "early_stop", "bayes", "exact")
LABEL_TOKENS = 100_000
"""Generated for each kind of labels; `exact` is the truth about solutions of so many tokens."""

LABEL_QUESTIONS = 80
"""More than so many tokens pay for, so that the budget ends the run whatever the strategy."""

LABEL_SLOTS = 64
"""Few, so that little is spent on questions that the budget leaves unfinished."""

LABEL_SEEDS = 3
"""Of questions, draws and new weights."""

GROUPS = ("table", "labels", "choice")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where all is kept; a temporary one by default")
    parser.add_argument("--questions", type=int, default=100, help="of the run")
    parser.add_argument("--asked", type=int, default=40, help="questions of each length to choose for")
    parser.add_argument(
        "--asked-of-all", type=int, default=12, help="of these, those that every model chooses for"
    )
    parser.add_argument("--rows", type=int, default=200, help="of each ProcessBench subset")
    parser.add_argument("--only", nargs="*", default=GROUPS, choices=GROUPS)
    parser.add_argument("--models", nargs="*", default=list(MODELS), choices=list(MODELS))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder: Path = asked.folder or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        measured = Measured(folder, asked.questions, made(folder / "sets", asked.rows, asked.asked))
        if "table" in asked.only:
            table(measured, asked.models, asked.asked_of_all)
        if "labels" in asked.only:
            labels(measured)
        if "choice" in asked.only:
            choice(measured)


class Measured:
    """Models trained on runs in a folder, with their figures, each made once."""

    def __init__(self, folder: Path, questions: int, bench: Bench) -> None:
        self.folder, self.questions, self.bench = folder, questions, bench

    def run(self, name: str = "run", limit: int | None = None, **settings: Any) -> Path:
        """A run on the train split, by default of the usual settings."""
        path = self.folder / name
        if not (path / "summary.json").is_file():
            started = time.monotonic()
            told = demo(limit=limit or self.questions, output=path, ledger_split="train", **settings)
            said = f"generated tokens of {told.rollouts_in_log} rollouts, {told.finished} questions finished"
            said += f", {told.located} first errors located, {told.exact_hit_accuracy.hits} exactly"
            claim(name, told.tokens_in_log, None, f"{said}; {time.monotonic() - started:.0f} s")
        return path

    def model(self, title: str, seed: int, source: Path, settings: Mapping[str, Any]) -> PRM:
        """A model, trained unless it is there."""
        place = self.folder / f"{title.replace(', ', '-').replace(' ', '-')}-{seed}"
        given = {**COMMON, **settings, "seed": seed}
        if "objective" in settings:
            return run_implicit_training(
                str(source), implicit_config(**given, max_steps=UPDATES), place,
                reference_cache=self.folder / "reference",
            ).prm  # fmt: skip
        if settings.get("head") != "probe" or settings.get("probe_tune"):
            given["max_steps"] = UPDATES
        config = (ntp_config if settings.get("head") == "ntp" else prm_config)(**given)
        return run_training(source, config, place).prm

    def once(self, name: str, measure: Callable[[], dict[str, float]]) -> dict[str, float]:
        """Figures from the folder, or measured and kept there."""
        kept = self.folder / "figures" / f"{name}.json"
        if not kept.is_file():
            kept.parent.mkdir(exist_ok=True)
            kept.write_text(json.dumps(measure()))
        return dict(json.loads(kept.read_text()))


def table(measured: Measured, models: Sequence[str], asked: int) -> None:
    """The figures of every kind of model; with several seeds, their mean and its interval."""
    source = measured.run()
    for name, figure in measured.once("none", lambda: measured.bench.without_prm(asked)).items():
        claim(f"none {name}", figure, None, f"without a model, {asked} questions")
    for title in models:
        seeds, settings = MODELS[title]
        told = []
        for seed in range(seeds):

            def measure(title: str = title, seed: int = seed, settings: Any = settings) -> dict[str, float]:
                started = time.monotonic()
                prm = measured.model(title, seed, source, settings)
                spent = time.monotonic() - started
                chosen = measured.bench.choices(prm, most=asked) if seed == 0 else {}
                return {"seconds": spent, **measured.bench.steps(prm), **chosen}

            told.append(measured.once(f"{title}-{seed}", measure))
        lines(title, told)
    packs(measured, models)


def lines(title: str, told: Sequence[Mapping[str, float]]) -> None:
    """The lines of one kind of model."""
    bars = {"auroc": (0.95, operator.ge)} if title.startswith("probe") and "alone" not in title else {}
    bars["brier"] = (told[0]["brier_of_base_rate"], operator.le)
    for name in told[0]:
        if name in ("steps", "wrong", "brier_of_base_rate"):
            continue
        seeds = [each[name] for each in told if name in each]
        spread = over_seeds(seeds)
        said = f"; 95 % {spread.low:.4f} to {spread.high:.4f}, {len(seeds)} seeds" if len(seeds) > 1 else ""
        bar, holds = bars.get(name, (None, operator.eq))
        claim(f"{title}: {name}", spread.value, bar, f"on {told[0]['steps']} steps{said}", holds)


def packs(measured: Measured, models: Sequence[str]) -> None:
    """P7 on the table: the difference that packing makes, paired by seed, and whether its interval holds 0."""
    both = ("token-cls, hard, packed", "token-cls, hard")
    if not set(both) <= set(models):
        return
    for name in ("auroc", "brier", "f1"):
        with_packs, in_rows = (
            [
                json.loads((measured.folder / "figures" / f"{title}-{seed}.json").read_text())[name]
                for seed in range(3)
            ]
            for title in both
        )
        spread = over_seeds([a - b for a, b in zip(with_packs, in_rows, strict=True)])
        inside = spread.low <= 0 <= spread.high
        said = (
            f"packed less rows, {name}: 95 % {spread.low:.4f} to {spread.high:.4f}, and whether that holds 0"
        )
        claim(f"P7 {name} {spread.value:.4f}", int(inside), 1, said)


def labels(measured: Measured) -> None:
    """Labels of several kinds at equal generated tokens, one trainer: the probe. A seed is of everything."""
    told: dict[str, list[dict[str, float]]] = {kind: [] for kind in LABELS}
    for seed in range(LABEL_SEEDS):
        for kind, figures in told.items():

            def measure(kind: str = kind, seed: int = seed) -> dict[str, float]:
                settings = {**HARD, "head": "probe"}
                source = labelled(measured, kind, seed)
                return measured.bench.steps(measured.model(f"labels {kind}", seed, source, settings))

            figures.append(measured.once(f"labels-{kind}-{seed}", measure))
    for kind, figures in told.items():
        lines(f"probe on {kind}", figures)


def labelled(measured: Measured, kind: str, seed: int) -> Path:
    """A run by one strategy that a budget ends, or the truth about solutions that took as many tokens."""
    name = f"run-{kind}-{seed}"
    if kind == "exact":
        return exact_rows(measured.folder / f"{name}.jsonl", LABEL_TOKENS, seed)
    budget = {"slots": LABEL_SLOTS, "max_tokens": LABEL_TOKENS}
    return measured.run(name, LABEL_QUESTIONS, locate=kind, seed=seed, **budget)


def choice(measured: Measured) -> None:
    """Of the distance from the majority of 64 to `some of 64 is wholly right`, the share that the best model closes."""
    source = measured.run()
    prm = measured.model(BEST, 0, source, MODELS[BEST][1])
    none = measured.once("none-all", measured.bench.without_prm)
    shares = []
    for how in ("prod", "min", "last"):
        told = measured.once(f"choice-{how}", lambda how=how: measured.bench.choices(prm, how))
        for operations in OPERATIONS:
            low, high = (none[f"{each}@64 of {operations}"] for each in ("majority", "wholly"))
            for kind in ("best", "vote"):
                figure = told[f"{kind}@64 of {operations}"]
                share = (figure - low) / (high - low)
                shares.append((kind, how, share))
                said = f"{kind} by {how}: {figure:.3f}, majority {low:.3f}, some wholly right {high:.3f}"
                claim(f"choice {operations} {kind} {how}", share, None, said)
    mean = fmean(share for kind, how, share in shares if (kind, how) == ("best", "prod"))
    claim("choice", mean, 0.6, f"share of the distance closed by best-of-64, {BEST}, prod", operator.ge)


if __name__ == "__main__":
    main()
