"""Policies as they are named, and what an evaluation of them tells once it is over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omega_fast.errors import ConfigError

__all__ = ["NamedPolicy", "PolicySummary", "named_policy"]


@dataclass(frozen=True, slots=True)
class NamedPolicy:
    """A policy: what it is called, and its folder or hub name."""

    name: str
    model: str


def named_policy(text: str) -> NamedPolicy:
    """A policy as the command line says it: `NAME=MODEL`, or a model alone, whose own name it has then.

    Raises:
        ConfigError: The name or the model is empty.
    """
    name, equals, model = text.partition("=")
    if not equals:
        name, model = Path(text).name, text
    if not name.strip() or not model.strip():
        raise ConfigError(f"policy {text!r} has no name or no model", hint="write NAME=MODEL")
    return NamedPolicy(name.strip(), model.strip())


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySummary:
    """What policies are worth on equal questions.

    Attributes:
        questions: How many all of them were asked.
        samples: Drawn of each question in each run.
        runs: Runs: policies times seeds.
        finished: Those that are complete.
        results: `policies`, the figures of each, and `against`, their differences from the first one, as JSON values;
            see `omega_fast.eval.policy`. Empty unless all runs are finished.
        quarantined: Questions that could not be used.
        output: The folder with `rows.jsonl`, `metrics.json`, `policies.md`, and the runs.
        warnings: What the user should look at, in words.
        seconds: How long this start took.
    """

    questions: int
    samples: int
    runs: int
    finished: int
    results: Mapping[str, Any]
    quarantined: int
    output: Path
    warnings: tuple[str, ...]
    seconds: float

    @property
    def complete(self) -> bool:
        """Whether every run is finished."""
        return self.finished == self.runs

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON values."""
        return {
            "questions": self.questions,
            "samples": self.samples,
            "runs": self.runs,
            "finished": self.finished,
            "results": dict(self.results),
            "quarantined": self.quarantined,
            "output": str(self.output),
            "warnings": list(self.warnings),
            "seconds": self.seconds,
        }
