"""What process reward models are worth on the embedded task, every figure against its exact truth."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from ledger_steps import Scorer, Written, figures, written
from omega_fast.eval.best_of_n import Samples, best_scored, majority, pass_at_k, subsets_of, weighted
from omega_fast.eval.processbench import best_threshold, found, predict
from omega_fast.jobs.ledger_sets import make_ledger_sets
from omega_fast.models.aggregate import aggregate
from omega_fast.models.ledger_policy.policy import LedgerPolicy
from omega_fast.tasks.ledger.generator import LedgerConfig
from omega_fast.tasks.ledger.questions import questions
from omega_fast.tasks.ledger.truth import first_error

OPERATIONS = (5, 6)
"""Lengths at which the majority of 64 lies at least 15 points below `some of 64 is wholly right`."""

SIZES = (8, 64)
_SAMPLES = 64

Solution = tuple[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with its samples: solutions, whether their answers are right, whether all of each is."""

    solutions: tuple[Solution, ...]
    samples: Samples
    wholly: int


@dataclass(frozen=True, slots=True)
class Bench:
    """Everything models are judged on; none of its questions is in a training."""

    held: list[Written]
    chosen_on: list[dict[str, Any]]
    located: list[dict[str, Any]]
    asked: dict[int, list[Asked]]

    def steps(self, prm: Scorer) -> dict[str, float]:
        """Step AUROC and Brier score, and ProcessBench's F1 with the threshold of another subset."""
        rows = [*self.chosen_on, *self.located]
        scores = prm.score_many([(row["problem"], row["steps"]) for row in rows])
        labels = [row["label"] for row in rows]
        n = len(self.chosen_on)
        threshold = best_threshold(labels[:n], scores[:n]).value
        f1 = found(labels[n:], [predict(each, threshold) for each in scores[n:]]).f1
        return {**figures(prm, self.held), "f1": f1}

    def choices(self, prm: Scorer, how: str = "prod", most: int | None = None) -> dict[str, float]:
        """Best-of-N and the vote weighted with scores, for each length and N; `most` questions of each length."""
        told: dict[str, float] = {}
        for operations, every in self.asked.items():
            asked = every[:most]
            scores = self._scores(prm, asked, how)
            for n in SIZES:
                pairs = list(zip(asked, scores, strict=True))
                told[f"best@{n} of {operations}"] = fmean(
                    best_scored(own, each.samples.correct, n) for each, own in pairs
                )
                told[f"vote@{n} of {operations}"] = fmean(
                    weighted(each.samples, own, subsets_of(len(own), n, seed=str(at), draws=50))[0]
                    for at, (each, own) in enumerate(pairs)
                )
        return told

    def without_prm(self, most: int | None = None) -> dict[str, float]:
        """What no scores are needed for: a sample, the majority, some right answer, some wholly right sample."""
        told: dict[str, float] = {}
        for operations, every in self.asked.items():
            asked = every[:most]
            right = [sum(each.samples.correct) for each in asked]
            told[f"pass@1 of {operations}"] = fmean(pass_at_k(_SAMPLES, each, 1) for each in right)
            for n in SIZES:
                told[f"majority@{n} of {operations}"] = fmean(majority(each.samples, n) for each in asked)
                told[f"pass@{n} of {operations}"] = fmean(pass_at_k(_SAMPLES, each, n) for each in right)
                told[f"wholly@{n} of {operations}"] = fmean(
                    pass_at_k(_SAMPLES, each.wholly, n) for each in asked
                )
        return told

    @staticmethod
    def _scores(prm: Scorer, asked: Sequence[Asked], how: str) -> list[list[float]]:
        distinct = list(dict.fromkeys(each for one in asked for each in one.solutions if _usable(each)))
        by_solution = dict(zip(distinct, prm.score_many(distinct), strict=True))
        return [
            [
                aggregate(by_solution[each], how) if _usable(each) else float("-inf")  # type: ignore[arg-type]
                for each in one.solutions
            ]
            for one in asked
        ]


def made(folder: Path, rows: int, asked: int) -> Bench:
    """The bench: `rows` of each ProcessBench subset, `asked` questions of each length; made once in a folder."""
    if not (folder / "sets.json").is_file():
        make_ledger_sets(folder, rows=rows, questions=asked, samples=_SAMPLES)
    return Bench(
        written(250, 2, "validation"),
        json.loads((folder / "processbench" / "validation.json").read_text()),
        json.loads((folder / "processbench" / "test.json").read_text()),
        {each: list(_asked(folder / "best-of-n" / f"operations-{each}.jsonl")) for each in OPERATIONS},
    )


def exact_rows(path: Path, tokens: int, seed: int) -> Path:
    """Rows of the format `trl`: solutions up to the first wrong step, as many as so many generated tokens make."""
    if path.is_file():
        return path
    policy, rows, spent, at, drawn = LedgerPolicy(), [], 0, 0, 4
    while spent < tokens:
        asked = [each.problem for each in questions(LedgerConfig(), at + 256, seed, "train")][at:]
        at += 256
        every = [problem for problem in asked for _ in range(drawn)]
        solutions = policy.continue_all([(problem, ()) for problem in every], seed=seed + at)
        for problem, steps in zip(every, solutions, strict=True):
            spent += len(policy.tokenizer("".join(steps))["input_ids"])
            if spent <= tokens and steps and all(step.strip() for step in steps):
                rows.append(_up_to_error(problem, steps))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def _up_to_error(problem: str, steps: Sequence[str]) -> dict[str, Any]:
    error = first_error(problem, steps)
    labels = [error == -1 or at < error for at in range(len(steps))]
    kept = len(steps) if error == -1 else min(error + 1, len(steps))
    return {"prompt": problem, "completions": list(steps[:kept]), "labels": labels[:kept]}


def _asked(path: Path) -> Iterable[Asked]:
    for line in path.read_text().splitlines():
        row: Mapping[str, Any] = json.loads(line)
        responses = row["responses"]
        solutions = tuple(
            (row["problem"], tuple(each["text"].splitlines(keepends=True))) for each in responses
        )
        classes: dict[str, int] = {}
        answers = tuple(
            classes.setdefault(steps[-1].strip(), len(classes))
            if steps and steps[-1].startswith("answer")
            else None
            for _, steps in solutions
        )
        samples = Samples(answers, tuple(each["correct"] for each in responses))
        yield Asked(solutions, samples, sum(each["first_error"] == -1 for each in responses))


def _usable(solution: Solution) -> bool:
    return bool(solution[1]) and all(step.strip() for step in solution[1])
