"""Measures the answer verifier: agreement with published flags, self-comparison, hostile answers.

    python benches/python/verify_answers.py DATA_FOLDER

Prints one JSON object a line; times are wall-clock seconds of this machine.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from omega_fast.records import FinishReason, Question, Verdict
from omega_fast.tasks.base import Fault
from omega_fast.tasks.read import read_questions
from omega_fast.verifiers.answer import AnswerVerifier
from omega_fast.verifiers.sandbox import Limits, Sandbox

DEADLINE_S = 5.0
HOSTILE = {
    "9^{9^{9^9}}": r"9^{9^{9^9}}",
    "9**9**9**9": "9**9**9**9",
    "1000000000!": "1000000000!",
    "1,000,000 digits": "7" * 1_000_000,
    "5,000 brackets": "(" * 5000 + "1" + ")" * 5000,
    "sum of 10^9 terms": r"\sum_{k=1}^{10^9} \frac{\sin(k)}{k}",
    "binomial": r"\binom{10^9}{5 \cdot 10^8}",
    "code": "__import__('os').system('false')",
    "nan": "nan",
}


def main() -> None:
    """Run every measurement on the folder given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    data: Path = parser.parse_args().data
    with AnswerVerifier(deadline_s=DEADLINE_S) as verifier:
        measure_flags(verifier, data / "gsm8k" / "example_model_solutions.jsonl")
        for name in ("math500/test500.jsonl", "openr/extracted_problems_and_answers.json"):
            measure_boxes(verifier, data / name)
            measure_sandbox(data / name)
        for index, (name, answer) in enumerate(HOSTILE.items()):
            # A pair of its own, so that a worker and not the cache answers, and is up when the clock starts.
            verifier.judge(Question("q", "?", f"x+{index}"), f"\\boxed{{{index}+x}}", FinishReason.STOP)
            measure_hostile(verifier, name, answer)


def measure_flags(verifier: AnswerVerifier, path: Path) -> None:
    """Verdicts against the `is_correct` flags of the file."""
    start = time.perf_counter()
    table: Counter[str] = Counter()
    for question in questions(path):
        for solution in question.solutions:
            verdict = verifier.judge(question, solution.text, FinishReason.STOP).verdict
            table[f"flag {solution.correct}, {verdict}"] += 1
    show("flags", path.name, start, table)


def measure_boxes(verifier: AnswerVerifier, path: Path) -> None:
    """Every gold answer in a box, against itself."""
    found = questions(path)
    start = time.perf_counter()
    table: Counter[str] = Counter(
        verifier.judge(q, f"$\\boxed{{{q.answer}}}$", FinishReason.STOP).verdict for q in found
    )
    show("boxes", path.name, start, table)


def measure_sandbox(path: Path) -> None:
    """Every gold answer against itself by algebra alone, without the fast path."""
    found = questions(path)
    sandbox = Sandbox("omega_fast.verifiers.algebra:check", Limits(DEADLINE_S))
    sandbox.start()
    start = time.perf_counter()
    replies = [sandbox.ask({"gold": q.answer, "answer": q.answer}).verdict for q in found]
    show("sandbox", path.name, start, Counter(replies))
    sandbox.close()
    print(
        json.dumps(
            {"not correct": [q.answer for q, v in zip(found, replies, strict=True) if v != Verdict.CORRECT]}
        )
    )


def measure_hostile(verifier: AnswerVerifier, name: str, answer: str) -> None:
    """One hostile answer with a warm worker."""
    start = time.perf_counter()
    verdict = verifier.judge(Question("q", "?", "18"), f"\\boxed{{{answer}}}", FinishReason.STOP).verdict
    show("hostile", name, start, {verdict: 1})


def questions(path: Path) -> list[Question]:
    """The questions of a file; faults are shown and passed over."""

    def note(fault: Fault) -> None:
        print(json.dumps({"fault": fault.path.name, "line": fault.line, "reason": fault.reason}))

    return list(read_questions(path, quarantine=note))


def show(what: str, name: str, start: float, counts: Mapping[str, int]) -> None:
    """Print one result with the time since `start`."""
    seconds = round(time.perf_counter() - start, 2)
    print(json.dumps({"measure": what, "of": name, "seconds": seconds, "counts": dict(counts)}))


if __name__ == "__main__":
    main()
