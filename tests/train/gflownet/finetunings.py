"""Fine-tunings of a tiny random model that take a second or two, on questions that ask for nothing in particular."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from omega_fast.gflownet_api import train_gflownet
from omega_fast.records import Question
from omega_fast.train.gflownet.folder import Finetuned

QUESTIONS = [Question(f"q{at}", f"x is {at} . ?", "1") for at in range(6)]
SMALL = {
    "lora_rank": 4,
    "updates": 3,
    "prompts": 2,
    "samples": 4,
    "max_new_tokens": 6,
    "separator": "\n",
    "require_answer": False,
    "learning_rate": 1e-2,
    "device": "cpu",
    "threads": 1,
}


class Scorer:
    """A reward model by a function of problem and steps; it remembers what it was asked."""

    def __init__(self, score: Callable[[str, Sequence[str]], Any]) -> None:
        self.asked: list[tuple[str, tuple[str, ...]]] = []
        self._score = score

    def score_many(self, solutions: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
        self.asked += [(problem, tuple(steps)) for problem, steps in solutions]
        return [self._score(problem, steps) for problem, steps in solutions]


def short_is_good(problem: str, steps: Sequence[str]) -> list[float]:
    """Each step is worth the less the longer it is."""
    del problem
    return [1 / (1 + len(step) / 8) for step in steps]


def finetuned(
    model: str, folder: Path | None = None, score: Any = short_is_good, **settings: Any
) -> Finetuned:
    """A fine-tuning of `model` with what `SMALL` says unless told otherwise."""
    given = {**SMALL, "model": model, **settings}
    questions = given.pop("questions", QUESTIONS)
    prm = given.pop("prm", None) or (None if score is None else Scorer(score))
    return train_gflownet(questions, folder, prm=prm, **given)


def column(done: Finetuned, name: str) -> list[float]:
    """A figure of the log, entry by entry."""
    return [entry[name] for entry in done.record["log"] if name in entry]
