"""A user's own check function as a verifier: `module:function`, imported in worker processes alone."""

from __future__ import annotations

import re
from dataclasses import dataclass

from omega_fast.errors import ConfigError
from omega_fast.records import THINK, Judgement, Question, ThoughtMarkers
from omega_fast.verifiers.extract import extract_answer
from omega_fast.verifiers.judging import Check, PooledVerifier
from omega_fast.verifiers.pool import WorkerPool
from omega_fast.verifiers.sandbox import Limits

__all__ = ["CheckerVerifier", "load_verifier"]

_NAME = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", re.ASCII)


@dataclass(frozen=True, slots=True)
class _CheckerRules:
    version: str
    thought: ThoughtMarkers

    def decide(self, question: Question, solution: str) -> Judgement | Check:
        request = {"problem": question.problem, "answer_gold": question.answer, "solution": solution}
        return Check(request, extract_answer(solution, thought=self.thought))


class CheckerVerifier(PooledVerifier):
    """Judges by `function(problem, answer_gold, solution)`, which returns a bool or the name of a verdict.

    An exception, any other return value, or the death of its process is `crash`; its deadline is `timeout`.
    The function gets its arguments by keyword. Its version is its name and a hash of its module's source.

    Args:
        name: The function, as `module:function`.
        workers: Worker processes.
        deadline_s: Seconds one solution may take.
        memory_bytes: Address space of a worker.
        thought: What encloses a model's thoughts, where no answer is looked for; the function gets them too.

    Raises:
        ConfigError: The name is not of that form, or the function cannot be imported.
    """

    def __init__(
        self,
        name: str,
        *,
        workers: int = 1,
        deadline_s: float = 5.0,
        memory_bytes: int = 4 << 30,
        thought: ThoughtMarkers = THINK,
    ) -> None:
        if not _NAME.fullmatch(name):
            raise ConfigError(f"verifier {name!r} names no function", hint="write it as module:function")
        pool = WorkerPool(name, workers, Limits(deadline_s, memory_bytes))
        try:
            fingerprint = pool.start()
        except ConfigError:
            pool.close()
            raise
        super().__init__(_CheckerRules(f"{name} sha256-{fingerprint}", thought), pool)


def load_verifier(
    name: str,
    *,
    workers: int = 1,
    deadline_s: float = 5.0,
    memory_bytes: int = 4 << 30,
    thought: ThoughtMarkers = THINK,
) -> CheckerVerifier:
    """The verifier that the command line's `--verifier module:function` names; see `CheckerVerifier`."""
    return CheckerVerifier(
        name, workers=workers, deadline_s=deadline_s, memory_bytes=memory_bytes, thought=thought
    )
