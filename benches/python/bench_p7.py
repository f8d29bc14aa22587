"""Training on packed trees beside one row a solution (P7).

The trees are those of a run of the embedded policy on ledger questions, a new one unless `--run` names one that
exists. The figure is the factor of tokens saved over the largest there can be, every shared beginning once; a row a
solution without any padding is the baseline. P7b is the distance of the gradients of the loss over all data, in
float32, beside their length. Tokens and the time of one epoch, forward and backward on one thread, are printed apart.
`--effect` trains both ways with each of some seeds and prints the step AUROC against exact truth on questions of no
training.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from transformers import set_seed

from ledger_steps import figures, written
from omega_fast.jobs.demo import demo
from omega_fast.models.ledger_policy.location import EMBEDDED_POLICY
from omega_fast.models.prm_checkpoint import load_classifier, load_config, load_tokenizer, place_of
from omega_fast.train.arguments import arguments_of
from omega_fast.train.batches import Item, Pack
from omega_fast.train.packed import drawn_for
from omega_fast.train.prm import run_training
from omega_fast.train.prm_config import PrmConfig, prm_config
from omega_fast.train.prm_data import PrmData, read_data
from omega_fast.train.prm_trainer import PrmTrainer

BAR, GRADIENT_BAR = 0.9, 1e-5
COMMON: dict[str, Any] = {"validation": 0.0, "threads": 1, "device": "cpu", "batch_size": 32, "log_every": 50}


def main() -> None:
    """Run or read the search, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--run", type=Path, help="a run that exists, instead of a new one")
    parser.add_argument(
        "--effect", type=int, default=0, metavar="SEEDS", help="train both ways with so many seeds"
    )
    asked = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = asked.run or folder / "run"
        if asked.run is None:
            demo(limit=asked.questions, output=run, ledger_split="train")
        tokens_and_gradients(run, folder)
        if asked.effect:
            effect(run, folder, asked.effect)


def tokens_and_gradients(run: Path, folder: Path) -> None:
    config = prm_config(**COMMON, pack="on")
    place = place_of(EMBEDDED_POLICY)
    tokenizer = load_tokenizer(place)
    data = read_data(run, config, tokenizer, load_config(place), None)
    trainer = trainer_on(data, config, folder)
    drawn = drawn_for(data.train, trainer.model, config, torch.device("cpu"))
    assert drawn.saved is not None
    print(f"{len(data.train)} solutions in {drawn.said}; packs in a forward: {drawn.batch_size}")
    in_packs, packed_seconds = epoch(trainer, drawn.data, drawn.batch_size)
    in_rows, seconds = epoch(trainer, data.train, config.batch_size)
    print(
        f"an epoch, forward and backward, one thread, no GPU: {packed_seconds:.2f} s packed, {seconds:.2f} s in rows, "
        f"{seconds / packed_seconds:.2f} times faster"
    )
    saved = drawn.saved
    line(
        "P7a",
        saved.gain / saved.bound,
        1 / saved.bound,
        f">={BAR}",
        f"of the most tokens that packing can save, {len(data.train)} solutions of {run_size(data.train)} questions",
        ok=saved.gain / saved.bound >= BAR,
    )
    distance = float((in_packs - in_rows).norm() / in_rows.norm())
    line(
        "P7b",
        distance,
        0.0,
        f"<={GRADIENT_BAR}",
        "distance of gradients, relative, float32",
        ok=distance <= GRADIENT_BAR,
    )


def trainer_on(data: PrmData, config: PrmConfig, folder: Path) -> PrmTrainer:
    set_seed(config.seed)
    return PrmTrainer(
        load_classifier(place_of(EMBEDDED_POLICY), config.head),
        arguments_of(config, folder / "trainer", evaluates=False),
        config,
        card=data.card,
        tokenizer=data.encoder.tokenizer,
        train=data.train,
    )


def epoch(
    trainer: PrmTrainer, drawn: Sequence[Item] | Sequence[Pack], size: int
) -> tuple[torch.Tensor, float]:
    """The gradient of the loss over all data, and the seconds it took, batches shuffled as in training."""
    order = random.Random(0).sample(range(len(drawn)), len(drawn))
    batches = [
        trainer.data_collator([drawn[at] for at in order[start : start + size]])
        for start in range(0, len(order), size)
    ]
    units = torch.tensor(sum(int((each["labels"] == 0).sum()) for each in batches))
    trainer.model.zero_grad()
    started = time.perf_counter()
    for batch in batches:
        trainer.compute_loss(trainer.model, batch, num_items_in_batch=units).backward()
    seconds = time.perf_counter() - started
    gradients = [each.grad.flatten() for each in trainer.model.parameters() if each.grad is not None]
    return torch.cat(gradients).clone(), seconds


def effect(run: Path, folder: Path, seeds: int) -> None:
    held = written(250, 2, "validation")
    for pack in ("off", "on"):
        found, seconds = [], []
        for seed in range(seeds):
            started = time.monotonic()
            done = run_training(run, prm_config(**COMMON, pack=pack, seed=seed), folder / f"{pack}{seed}")
            seconds.append(time.monotonic() - started)
            found.append(figures(done.prm, held)["auroc"])
        shown = " ".join(f"{each:.4f}" for each in found)
        print(f"pack {pack}: step AUROC {shown}, mean {fmean(found):.4f}; {fmean(seconds):.0f} s a training")


def run_size(items: Sequence[Item]) -> int:
    return len({each.tree for each in items})


def line(bar: str, figure: float, baseline: float, limit: str, what: str, *, ok: bool) -> None:
    verdict = "ok" if ok else "short"
    print(f"{bar} figure={figure:.3g} baseline={baseline:.3g} bar={limit} {verdict} | {what}", flush=True)


if __name__ == "__main__":
    main()
