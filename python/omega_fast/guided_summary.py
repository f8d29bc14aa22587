"""What a guided search tells while it runs and once it is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["GuidedProgress", "GuidedSummary", "Line", "Solved", "SolvedCandidate"]


@dataclass(frozen=True, slots=True)
class Line:
    """A prefix as it is looked at while the search goes on: its steps, its score, and whether it is a solution."""

    steps: tuple[str, ...]
    score: float | None
    finished: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GuidedProgress:
    """How far a guided search is.

    Attributes:
        done: Questions that are finished.
        total: Questions in all.
        draws: Continuations so far, earlier starts included.
        tokens: Their tokens.
        scored: Candidates scored in this start.
        calls: Calls of the scorer for them.
        in_flight: Draws with the engine and candidates with the scorer.
        seconds: Time so far.
        best: The best lines of the one question that is searched; empty where there are several.
    """

    done: int
    total: int
    draws: int
    tokens: int
    scored: int
    calls: int
    in_flight: int
    seconds: float
    best: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GuidedSummary:
    """What a guided search over a set found.

    Attributes:
        method: The search.
        scorer: What guided it, in short; empty without one.
        questions: Questions of the set.
        finished: Those whose search is over.
        results: The figures, as JSON values; see `omega_fast.eval.guided.figures`.
        calls: Calls of the scorer in this start.
        scored: Candidates scored in them.
        quarantined: Records that could not be used.
        stopped_by: The budget of the whole run that ended it; empty if none did.
        warnings: What the user should look at, in words.
        output: The folder with the log, `rows.jsonl` and `results.json`.
        seconds: How long this start took.
        rank: Which of the processes of torchrun this is; the one with 0 speaks for all.
    """

    method: str
    scorer: str
    questions: int
    finished: int
    results: Mapping[str, Any]
    calls: int
    scored: int
    quarantined: int
    stopped_by: str
    warnings: tuple[str, ...]
    output: Path
    seconds: float
    rank: int = 0

    @property
    def complete(self) -> bool:
        """Whether every question is finished."""
        return self.finished == self.questions

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON values."""
        return {
            "method": self.method,
            "scorer": self.scorer,
            "questions": self.questions,
            "finished": self.finished,
            "complete": self.complete,
            "results": dict(self.results),
            "scorer_calls": self.calls,
            "scored": self.scored,
            "quarantined": self.quarantined,
            "stopped_by": self.stopped_by,
            "warnings": list(self.warnings),
            "output": str(self.output),
            "seconds": self.seconds,
        }


@dataclass(frozen=True, slots=True)
class SolvedCandidate:
    """A finished solution: its steps, their scores (`None` if they could not be scored), one score, the answer."""

    steps: tuple[str, ...]
    scores: tuple[float, ...] | None
    score: float | None
    answer: str | None
    tokens: int

    @property
    def text(self) -> str:
        """The whole solution."""
        return "".join(self.steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    """What a guided search made of one question.

    Attributes:
        problem: The question.
        candidates: Every finished solution in the order it was drawn; equal ones are repeated.
        by: The index in `candidates` of the solution that each way of choosing takes; empty without candidates.
        tokens: Tokens generated.
        draws: Continuations drawn.
        cut: Solutions that a limit cut off.
        warnings: What the user should look at, in words.
    """

    problem: str
    candidates: Sequence[SolvedCandidate]
    by: Mapping[str, int]
    tokens: int
    draws: int
    cut: int
    warnings: tuple[str, ...] = ()

    @property
    def best(self) -> SolvedCandidate | None:
        """The solution that weighted votes choose; `None` if none was finished."""
        return self.candidates[self.by["weighted"]] if self.by else None

    @property
    def answer(self) -> str | None:
        """Its answer."""
        return None if self.best is None else self.best.answer

    @property
    def solution(self) -> str | None:
        """Its text."""
        return None if self.best is None else self.best.text

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON values."""
        return {
            "problem": self.problem,
            "answer": self.answer,
            "solution": self.solution,
            "chosen": dict(self.by),
            "tokens": self.tokens,
            "draws": self.draws,
            "cut": self.cut,
            "candidates": [
                {
                    "steps": list(each.steps),
                    "scores": None if each.scores is None else list(each.scores),
                    "score": each.score,
                    "answer": each.answer,
                    "tokens": each.tokens,
                }
                for each in self.candidates
            ],
            "warnings": list(self.warnings),
        }
