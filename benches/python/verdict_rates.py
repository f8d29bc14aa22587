"""Measures how fast answers are judged: by spelling, by algebra in 1 to 4 workers, and at the end of long thoughts.

    python benches/python/verdict_rates.py

Prints one JSON object a line; rates are per second of wall-clock time of this machine.
"""

from __future__ import annotations

import json
import os
import time

from omega_fast.records import FinishReason, Question
from omega_fast.verifiers.answer import AnswerVerifier

ALGEBRA = 400
SPELLED = 20_000
LONG = 50
STEP = "Let me compute $x_{1} = \\frac{3}{4} + 5$; maybe the answer is not so {a}\n\n"


def main() -> None:
    """Run every measurement."""
    for workers in (1, 2, 4):
        show(f"algebra, {workers} workers", ALGEBRA, algebra(workers))
    short = STEP * 6
    show("spelling", SPELLED, spelled(SPELLED, short))
    show(
        f"spelling after a thought of {len(STEP) * 2000} characters",
        LONG,
        spelled(LONG, thought(STEP * 2000)),
    )
    show(f"spelling after {len(STEP) * 2000} characters said aloud", LONG, spelled(LONG, STEP * 2000))


def algebra(workers: int) -> float:
    """Seconds for answers that are all different and all need a worker."""
    with AnswerVerifier(workers=workers) as verifier:
        verifier.judge(Question("q", "?", "y+1"), r"\boxed{1+y}", FinishReason.STOP)
        start = time.perf_counter()
        for number in range(ALGEBRA):
            question = Question("q", "?", f"x^2+{number}")
            verifier.submit(number, question, rf"\boxed{{{number}+x^2}}", FinishReason.STOP)
        judged = 0
        while judged < ALGEBRA:
            judged += len(verifier.poll(1.0))
        return time.perf_counter() - start


def spelled(count: int, before: str) -> float:
    """Seconds the caller spends on answers that need no worker, each after the text `before`."""
    with AnswerVerifier() as verifier:
        start = time.perf_counter()
        for number in range(count):
            verifier.submit(
                number, Question("q", "?", str(number)), rf"{before}\boxed{{{number}}}", FinishReason.STOP
            )
        return time.perf_counter() - start


def thought(text: str) -> str:
    """The text as a thought."""
    return f"<think>{text}</think>"


def show(what: str, count: int, seconds: float) -> None:
    """Print one rate."""
    print(json.dumps({"measure": what, "verdicts_per_s": round(count / seconds, 1), "cores": os.cpu_count()}))


if __name__ == "__main__":
    main()
