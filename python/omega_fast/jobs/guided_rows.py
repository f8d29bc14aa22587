"""From a finished search to a row: its candidates, their answers judged, and what each way of choosing takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from omega_fast.eval.guided import CHOICES, Candidate, chosen
from omega_fast.records import FinishReason, Question, Solution
from omega_fast.search.guided import UNSCORED, QuestionSearch
from omega_fast.tasks.ledger import truth
from omega_fast.verifiers.base import Verifier
from omega_fast.verifiers.grouping import group_answers

__all__ = ["judged_row", "search_row"]


def search_row(question: Question, search: QuestionSearch) -> dict[str, Any]:
    """What a search found, as JSON values: only solutions that the policy finished are candidates."""
    candidates = []
    for node in search.completions:
        rank = search.rank(node)
        candidates.append(
            {
                "text": node.text,
                "steps": node.steps,
                "scores": None if node.scores is None else list(node.scores),
                "score": None if rank == UNSCORED else rank,
                "weight": search.worth(node),
                "tokens": node.n_tokens,
            }
        )
    return {
        "id": question.id,
        "problem": question.problem,
        "answer": question.answer,
        "method": search.settings.method,
        "tokens": search.budget.spent,
        "draws": search.n_draws,
        "cut": search.n_cut,
        "lost": search.n_lost,
        "unscored": sum(bool(node.unscored) for node in search.tree),
        "n_candidates": len(candidates),
        "candidates": candidates,
    }


def judged_row(
    row: Mapping[str, Any], question: Question, verifier: Verifier, *, opening: str = ""
) -> dict[str, Any]:
    """The row with every candidate's answer and whether it is right, and what is chosen.

    Args:
        row: From `search_row`.
        question: The question with its gold answer, if it has one.
        verifier: Judges answers.
        opening: What the verifier is shown before every solution.
    """
    texts = tuple(Solution(opening + each["text"]) for each in row["candidates"])
    groups = group_answers(replace(question, solutions=texts), verifier)
    answers = [verifier.judge(question, each.text, FinishReason.STOP).answer for each in texts]
    known = question.answer is not None
    candidates = [
        {**each, "answer": answer, "group": group, "correct": correct if known else None}
        for each, answer, group, correct in zip(
            row["candidates"], answers, groups.groups, groups.correct, strict=True
        )
    ]
    voters = [Candidate(each["text"], each["group"], each["score"], each["weight"]) for each in candidates]
    right = {each["text"] for each in candidates if each["correct"]}
    return {
        **row,
        "candidates": candidates,
        "chosen": {how: _choice(candidates, chosen(voters, how)) for how in CHOICES},
        "right": sum(groups.correct) if known else None,
        "distinct_right": len(right) if known else None,
        "wholly_right": _wholly_right(question, candidates),
        "unjudged": groups.unjudged if known else 0,
    }


def _choice(candidates: Sequence[Mapping[str, Any]], at: int | None) -> dict[str, Any]:
    if at is None:
        return {"index": None, "answer": None, "correct": False}
    return {"index": at, "answer": candidates[at]["answer"], "correct": bool(candidates[at]["correct"])}


def _wholly_right(question: Question, candidates: Sequence[Mapping[str, Any]]) -> int | None:
    """Different solutions without a wrong step; `None` where the task has no exact truth."""
    if not (question.id.startswith("ledger-") and "operations" in question.meta):
        return None
    different = {each["text"]: each["steps"] for each in candidates}
    return sum(truth(question, steps) == -1 for steps in different.values())
