"""Short ways to ask a verifier and to look at its processes."""

from __future__ import annotations

import os

from omega_fast.records import FinishReason, Judgement, Question, Verdict
from omega_fast.verifiers.base import Verifier

__all__ = ["collect", "is_alive", "question", "verdict"]


def question(gold: str | None, identifier: str = "q") -> Question:
    return Question(identifier, "What is it?", gold)


def verdict(verifier: Verifier, gold: str | None, answer: str) -> Verdict:
    return verifier.judge(question(gold), f"so it is \\boxed{{{answer}}}", FinishReason.STOP).verdict


def collect(verifier: Verifier, jobs: int) -> dict[int, Judgement]:
    found: dict[int, Judgement] = {}
    while len(found) < jobs:
        for job_id, judgement in verifier.poll(60.0):
            assert job_id not in found
            found[job_id] = judgement
    return found


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
