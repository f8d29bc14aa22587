"""Scorers that need no model, and rows to score."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omega_fast.errors import InputError


class Constant:
    """The same score everywhere."""

    def __init__(self, value: float = 0.7) -> None:
        self.value = value

    def score_many(self, solutions: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
        return [[self.value] * len(steps) for _, steps in solutions]


class Hashed:
    """A score that depends on problem, place and step; counts what it was asked, refuses steps with `TOO LONG`."""

    def __init__(self) -> None:
        self.asked = 0

    def score_many(self, solutions: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
        if any("TOO LONG" in step for _, steps in solutions for step in steps):
            raise InputError("problem and solution have 9000 tokens, and there may be 8000")
        self.asked += len(solutions)
        return [
            [_share(f"{problem}/{at}/{step}") for at, step in enumerate(steps)]
            for problem, steps in solutions
        ]


class LogProbs:
    """A scorer that tells log-probabilities, as implicit process rewards do."""

    def score_many(self, solutions: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
        raise AssertionError("its log-probabilities are asked for")

    def step_log_probs(self, solutions: Sequence[tuple[str, Sequence[str]]]) -> list[dict[str, list[float]]]:
        return [
            {
                "policy": [-100 * _share(f"p/{step}") for step in steps],
                "reference": [-100 * _share(f"r/{step}") for step in steps],
            }
            for _, steps in solutions
        ]


def hashed() -> Hashed:
    return Hashed()


def constant() -> Constant:
    return Constant()


def _share(text: str) -> float:
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) / 2**32


def located(number: int, label: int, steps: int = 4, subset: str = "gsm8k") -> dict[str, Any]:
    """A row of ProcessBench's format."""
    return {
        "id": f"{subset}-{number}",
        "generator": "someone",
        "problem": f"problem {number} of {subset}",
        "steps": [f"step {at} of {number}" for at in range(steps)],
        "final_answer_correct": label < 0,
        "label": label,
    }


def write(path: Path, rows: Sequence[Any]) -> Path:
    """Rows as JSON Lines; text stands as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in rows))
    return path


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]
