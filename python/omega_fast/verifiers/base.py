"""What the pump asks of a verifier: jobs go in, judgements come out, only `poll` and `judge` wait."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from omega_fast.records import FinishReason, Judgement, Question

__all__ = ["TellsFailures", "Verifier"]


@runtime_checkable
class Verifier(Protocol):
    """A rule or tool with ground truth. Every method may be called from any thread.

    Contract: every submitted job comes back from `poll` exactly once, whatever the text does to the checker.
    Order is free. The same (version, question, solution, finish) gets the same judgement, but for the
    verdicts that are the checker's own failure.
    """

    @property
    def version(self) -> str:
        """What identifies the rules: their name, their own version, and the libraries that decide."""
        ...

    def submit(
        self, job_id: int, question: Question, solution: str, finish: FinishReason, draw: int | None = None
    ) -> None:
        """Queue one solution for judgement; never waits.

        Args:
            job_id: Chosen by the caller, unique among the jobs in flight.
            question: The question, with its gold answer if it has one.
            solution: The solution alone, prefix and continuation; never the question's own text.
            finish: Why the generation ended; `error` is not a solution and is refused with `ValueError`.
            draw: The index of a root rollout among its question's root rollouts; `None` for all others.
        """
        ...

    def lost(self, question: Question, draw: int) -> None:
        """Take note that a root rollout will never come; only a verifier that waits for all of them cares."""
        ...

    def poll(self, timeout: float) -> list[tuple[int, Judgement]]:
        """All judgements that are in; waits at most `timeout` seconds for the first while jobs are out."""
        ...

    def judge(self, question: Question, solution: str, finish: FinishReason) -> Judgement:
        """Judge one solution and wait for it; for scripts and tests, not for the pump."""
        ...

    def close(self) -> None:
        """Stop the workers and drop the jobs in flight. May be called twice."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@runtime_checkable
class TellsFailures(Protocol):
    """A verifier that knows why it could not judge."""

    def failures(self) -> Mapping[str, int]:
        """How many judgements failed for which reason, from its start on, the most frequent first."""
        ...
