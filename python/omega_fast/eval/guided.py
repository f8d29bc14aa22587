"""What the candidates of a guided search are worth: the answer chosen by score, by majority, by weighted votes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Literal, get_args

from omega_fast.eval.intervals import mean_of

__all__ = ["CHOICES", "Candidate", "Choice", "chosen", "figures"]

Choice = Literal["naive", "majority", "weighted"]
"""The highest score; the most frequent answer; the answer with the largest sum of scores."""

CHOICES: tuple[Choice, ...] = get_args(Choice)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A finished solution.

    Attributes:
        text: The whole solution.
        group: The number of its answer; equal answers have equal numbers, `None` is no answer.
        score: By the configured aggregation; `None` if it could not be scored.
        weight: What it weighs in a vote: its score between 0 and 1, 0 without one.
    """

    text: str
    group: int | None
    score: float | None
    weight: float


def chosen(candidates: Sequence[Candidate], how: Choice) -> int | None:
    """Which candidate speaks for the answer that is chosen; `None` without candidates.

    Votes elect an answer, and its candidate with the highest score speaks for it. Candidates without an answer do not
    vote; if none has one, the highest score is taken. Of equals the first is taken.

    >>> two = [Candidate("a", 1, 0.4, 0.4), Candidate("b", 2, 0.9, 0.9), Candidate("c", 1, 0.3, 0.3)]
    >>> chosen(two, "naive"), chosen(two, "majority"), chosen(two, "weighted")
    (1, 0, 1)
    """
    if not candidates:
        return None
    voters = [at for at, each in enumerate(candidates) if each.group is not None]
    if how != "naive" and voters:
        votes: dict[int, float] = {}
        for at in voters:
            group = candidates[at].group
            assert group is not None, "voters have an answer"
            votes[group] = votes.get(group, 0.0) + (1.0 if how == "majority" else candidates[at].weight)
        elected = max(votes, key=lambda group: votes[group])
        eligible = [at for at in voters if candidates[at].group == elected]
    else:
        eligible = list(range(len(candidates)))
    return max(eligible, key=lambda at: _score(candidates[at]))


def _score(candidate: Candidate) -> float:
    return -math.inf if candidate.score is None else candidate.score


def figures(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Accuracy by each way of choosing, some solution right, distinct right ones, tokens, over questions.

    A question without a finished solution counts as wrong; one without a gold answer has no accuracy. Rows are those
    of `rows.jsonl`; their candidates themselves are not looked at. `wholly_right` counts different solutions without a
    wrong step, where the task can tell.
    """
    judged = [row for row in rows if row["right"] is not None]
    found: dict[str, Any] = {"questions": len(rows), "judged": len(judged)}
    if judged:
        found["accuracy"] = {
            how: mean_of([float(row["chosen"][how]["correct"]) for row in judged]).to_dict()
            for how in CHOICES
        }
        found["any"] = mean_of([float(row["right"] > 0) for row in judged]).to_dict()
        shares = [row["right"] / max(1, row["n_candidates"]) for row in judged]
        found["right_share"] = mean_of(shares).to_dict()
        found["distinct_right"] = fmean(row["distinct_right"] for row in judged)
    wholly = [row["wholly_right"] for row in judged if row["wholly_right"] is not None]
    if wholly:
        found["any_wholly_right"] = mean_of([float(each > 0) for each in wholly]).to_dict()
        found["distinct_wholly_right"] = fmean(wholly)
    if rows:
        found["tokens_a_question"] = fmean(row["tokens"] for row in rows)
        found["candidates_a_question"] = fmean(row["n_candidates"] for row in rows)
        found["without_candidate"] = sum(not row["n_candidates"] for row in rows)
    for name in ("tokens", "draws", "cut", "lost", "unscored", "unjudged"):
        found[name] = sum(row[name] for row in rows)
    return found
