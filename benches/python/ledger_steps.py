"""Held-out solutions of the embedded policy with the exact truth about each step, and figures of a PRM on them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Protocol

from omega_fast.models.ledger_policy.policy import LedgerPolicy
from omega_fast.tasks.ledger.generator import LedgerConfig
from omega_fast.tasks.ledger.questions import Split, questions
from omega_fast.tasks.ledger.truth import first_error


class Scorer(Protocol):
    def score_many(self, solutions: Iterable[tuple[str, Sequence[str]]]) -> list[list[float]]: ...


@dataclass(frozen=True, slots=True)
class Written:
    """A solution; steps before `wrong_from` are right, all others wrong."""

    problem: str
    steps: tuple[str, ...]
    wrong_from: int


def written(n: int, per_question: int, split: Split, seed: int = 1) -> list[Written]:
    """Solutions of `n` problems at temperature 1; those with a blank step are left out."""
    asked = [each.problem for each in questions(LedgerConfig(), n, 0, split) for _ in range(per_question)]
    found = []
    solutions = LedgerPolicy().continue_all([(problem, ()) for problem in asked], seed=seed)
    for problem, steps in zip(asked, solutions, strict=True):
        if steps and all(step.strip() for step in steps):
            error = first_error(problem, steps)
            found.append(Written(problem, tuple(steps), len(steps) if error == -1 else error))
    return found


def figures(prm: Scorer, held: Sequence[Written]) -> dict[str, float]:
    """AUROC and Brier score over the steps up to and including the first wrong one, and the best constant's Brier."""
    right: list[float] = []
    wrong: list[float] = []
    scores = prm.score_many([(each.problem, each.steps) for each in held])
    for each, scored in zip(held, scores, strict=True):
        right += scored[: each.wrong_from]
        wrong += scored[each.wrong_from : each.wrong_from + 1]
    share = len(right) / (len(right) + len(wrong))
    return {
        "auroc": auroc(right, wrong),
        "brier": fmean([(1 - score) ** 2 for score in right] + [score**2 for score in wrong]),
        "brier_of_base_rate": share * (1 - share),
        "steps": len(right) + len(wrong),
        "wrong": len(wrong),
    }


def auroc(right: Sequence[float], wrong: Sequence[float]) -> float:
    """The chance that a right step scores above a wrong one, ties counted half; from the ranks."""
    ranked = sorted([(score, 1) for score in right] + [(score, 0) for score in wrong])
    total, start = 0.0, 0
    while start < len(ranked):
        end = start
        while end < len(ranked) and ranked[end][0] == ranked[start][0]:
            end += 1
        total += (start + end + 1) / 2 * sum(kind for _, kind in ranked[start:end])
        start = end
    return (total - len(right) * (len(right) + 1) / 2) / (len(right) * len(wrong))
