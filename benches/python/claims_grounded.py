"""Measures the figures of tool-verified search: a line each, `claim-N figure=.. bar=.. ok|short|absent`.

The SymPy tool on all annotations of GSM8K's solutions and on the equations of MATH-500's; `--rows` takes fewer of each.
"""

from __future__ import annotations

import argparse
import json
import operator
import random
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import sympy
from latex2sympy2_extended import latex2sympy

from claims_omega_prm import DATA, claim
from math_equations import annotations, corrupted, equations, exact
from omega_fast.verifiers.tools import Finding, Tool, open_tool

LEAST_CAUGHT = 0.99
SHOWN = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, help="rows of each file, instead of all")
    asked = parser.parse_args()
    with open_tool("sympy") as tool:
        gsm8k(tool, asked.rows)
        math500(tool, asked.rows)


def gsm8k(tool: Tool, rows: int | None) -> None:
    """All annotations, and corrupted copies of them that are false in exact arithmetic, rounding left out."""
    files = [DATA / "gsm8k" / name for name in ("train.jsonl", "test.jsonl")]
    if not all(file.is_file() for file in files):
        claim("g1", None, None, f"needs the data folder at {DATA}")
        return
    found = [each for file in files for row in _rows(file, rows) for each in annotations(row["answer"])]
    started = time.monotonic()
    counts, disagreeing = _counted(tool, found)
    _claim_counts("g1", counts, disagreeing, "annotations of GSM8K's solutions, train and test")
    rounded = sum(exact(each) is False for each in found)
    claim("g1d", rounded, None, "of these annotations are not exact: their result is rounded")
    rng = random.Random(8)
    copies = [
        (kind, copy)
        for each in found
        for kind, copy in corrupted(each, rng)
        # `0 * 5` with another digit for 5 is no error; what is true after rounding alone counts as one
        if exact(copy) is False
    ]
    _claim_caught("g2", tool, copies, "corrupted annotations called wrong")
    claim(
        "g3", time.monotonic() - started, None, f"seconds for {len(found) + len(copies)} queries, one worker"
    )


def math500(tool: Tool, rows: int | None) -> None:
    """Neighbouring sides of the equations in the solutions, as they stand and corrupted."""
    file = DATA / "math500" / "test500.jsonl"
    if not file.is_file():
        claim("g4", None, None, f"needs the data folder at {DATA}")
        return
    found = [each for row in _rows(file, rows) for each in equations(row["solution"])]
    counts, disagreeing = _counted(tool, found)
    _claim_counts("g4", counts, disagreeing, "equations taken from MATH-500's solutions")
    rng = random.Random(8)
    right = sorted({each for each in found if tool.check(each).finding is Finding.RIGHT})
    claim("g4d", len(right), None, "different equations among those that are right")
    # An equation that holds for all values is asked as what it is, an identity
    copies = [
        (kind, f"for all: {copy}")
        for each in right
        for kind, copy in corrupted(each, rng)
        if not _still_true(copy)
    ]
    _claim_caught("g5", tool, copies, "corrupted copies of the right ones called wrong, asked as identities")


def _rows(file: Path, most: int | None) -> Iterator[dict[str, str]]:
    with file.open() as lines:
        for number, line in enumerate(lines):
            if most is None or number < most:
                yield json.loads(line)


def _counted(tool: Tool, queries: Iterable[str]) -> tuple[Counter[Finding], list[str]]:
    counts: Counter[Finding] = Counter()
    disagreeing: list[str] = []
    for query in queries:
        answer = tool.check(query)
        counts[answer.finding] += 1
        if answer.finding is Finding.WRONG:
            disagreeing.append(f"{query}   ({answer.reason})")
    return counts, disagreeing


def _claim_counts(name: str, counts: Counter[Finding], disagreeing: list[str], what: str) -> None:
    total = sum(counts.values())
    for letter, finding in zip("abc", Finding, strict=True):
        claim(f"{name}{letter}", counts[finding], None, f"{finding.replace('_', ' ')} of {total} {what}")
    for each in disagreeing[:SHOWN]:
        print(f"  wrong: {each}", flush=True)


def _claim_caught(name: str, tool: Tool, copies: list[tuple[str, str]], what: str) -> None:
    caught: Counter[str] = Counter()
    missed: list[str] = []
    for kind, copy in copies:
        answer = tool.check(copy)
        caught[kind] += answer.finding is Finding.WRONG
        if answer.finding is not Finding.WRONG:
            missed.append(f"{kind} {copy}   ({answer.finding}: {answer.reason})")
    kinds = Counter(kind for kind, _ in copies)
    share = caught.total() / len(copies) if copies else None
    claim(f"{name}", share, LEAST_CAUGHT, f"share of {len(copies)} {what}", operator.ge)
    for kind, count in kinds.items():
        claim(f"{name}-{kind}", caught[kind] / count, None, f"share of {count} with another {kind}")
    for each in missed[:SHOWN]:
        print(f"  missed: {each}", flush=True)


def _still_true(equation: str) -> bool:
    """Whether another parser, and values alone, find the two sides of a corrupted copy equal."""
    left, _, right = equation.partition(" = ")
    try:
        sides = [latex2sympy(side) for side in (left, right)]
        symbols = sorted(set().union(*(side.free_symbols for side in sides)), key=str)
        differences = []
        for number in range(3):
            point = {
                symbol: sympy.Rational(137 + 29 * number, 100 + place) for place, symbol in enumerate(symbols)
            }
            differences.append(abs(complex((sides[0] - sides[1]).subs(point).evalf(30))))
    except Exception:  # what cannot be read so counts as an error
        return False
    return max(differences) < 1e-12


if __name__ == "__main__":
    main()
