"""The verifier of final answers: extract, compare cheaply, leave to computer algebra only what needs it."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.metadata import version as installed

from omega_fast.records import THINK, Judgement, Question, ThoughtMarkers, Verdict
from omega_fast.verifiers.equal import fast_equal
from omega_fast.verifiers.extract import extract_answer
from omega_fast.verifiers.judging import Check, PooledVerifier
from omega_fast.verifiers.pool import WorkerPool
from omega_fast.verifiers.sandbox import Limits

__all__ = ["AnswerVerifier"]

# Raised whenever extraction or comparison can judge some solution differently from before.
_RULES_VERSION = 2
_LIBRARIES = ("math-verify", "latex2sympy2-extended", "sympy")


@dataclass(frozen=True, slots=True)
class _AnswerRules:
    plain: bool
    thought: ThoughtMarkers
    version: str = field(init=False)

    def __post_init__(self) -> None:
        # Once, since every verdict is logged with it: asking for the libraries' versions reads files.
        libraries = " ".join(f"{name}-{installed(name)}" for name in _LIBRARIES)
        own = "" if self.thought == THINK else f" {self.thought.open}...{self.thought.close}"
        version = f"answer-{_RULES_VERSION}{'-plain' if self.plain else ''} {libraries}{own}"
        object.__setattr__(self, "version", version)

    def decide(self, question: Question, solution: str) -> Judgement | Check:
        answer = extract_answer(solution, plain=self.plain, thought=self.thought)
        if question.answer is None:
            return Judgement(Verdict.UNSUPPORTED, answer)
        if answer is None:
            return Judgement(Verdict.NO_ANSWER)
        equal = fast_equal(question.answer, answer)
        if equal is None:
            return Check({"gold": question.answer, "answer": answer}, answer)
        return Judgement(Verdict.CORRECT if equal else Verdict.WRONG, answer)


class AnswerVerifier(PooledVerifier):
    """Judges a solution by its final answer against the gold answer.

    `length` is `truncated` whatever the text says; no marked answer is `no_answer`; a question without gold
    is `unsupported`, and so is a gold answer that the algebra cannot read, unless the answer spells the same.

    Args:
        workers: Worker processes for the answers that need algebra; started when first needed.
        deadline_s: Seconds one such answer may take before its worker is killed.
        memory_bytes: Address space of a worker.
        plain: Take the last number of a solution that marks no answer.
        thought: What encloses a model's thoughts; an answer inside of one does not count.
    """

    def __init__(
        self,
        *,
        workers: int = 1,
        deadline_s: float = 5.0,
        memory_bytes: int = 1 << 30,
        plain: bool = False,
        thought: ThoughtMarkers = THINK,
    ) -> None:
        pool = WorkerPool("omega_fast.verifiers.algebra:check", workers, Limits(deadline_s, memory_bytes))
        super().__init__(_AnswerRules(plain, thought), pool)
