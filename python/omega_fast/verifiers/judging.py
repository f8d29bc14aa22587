"""What every verifier with worker processes has in common: jobs, results, a cache of verdicts, closing."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter, OrderedDict
from collections.abc import Mapping
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from omega_fast.records import FinishReason, Judgement, Question, Verdict
from omega_fast.verifiers.pool import WorkerPool
from omega_fast.verifiers.sandbox import Reply

__all__ = ["Check", "PooledVerifier", "Rules"]

_CACHED_VERDICTS = 1 << 16
_REASONS_KEPT = 100
_FAILED = (Verdict.TIMEOUT, Verdict.CRASH)


@dataclass(frozen=True, slots=True)
class Check:
    """A question for a worker: the keyword arguments of its check function, and the answer it is about."""

    request: Mapping[str, str | None]
    answer: str | None

    @property
    def key(self) -> bytes:
        """A digest of the arguments: two checks with the same key have the same verdict."""
        return hashlib.sha256(repr(sorted(self.request.items())).encode("ascii", "backslashreplace")).digest()


class Rules(Protocol):
    """What a verifier knows: how far it can judge at once, and what it has to ask a worker."""

    @property
    def version(self) -> str:
        """What identifies the rules and the libraries behind them."""
        ...

    def decide(self, question: Question, solution: str) -> Judgement | Check:
        """The judgement if it is cheap and safe to tell here, else what to ask."""
        ...


class PooledVerifier:
    """A `Verifier` that judges by `rules` and leaves to killable processes what needs them.

    Verdicts are cached by what was asked, except `crash`, which can come from outside; a check that is asked
    twice while it runs is run once.

    Args:
        rules: What decides at once and what is asked.
        pool: The workers; closed together with the verifier.
    """

    def __init__(self, rules: Rules, pool: WorkerPool) -> None:
        self._rules = rules
        self._pool = pool
        self._changed = threading.Condition()
        self._out = 0
        self._done: list[tuple[int, Judgement]] = []
        self._cache: OrderedDict[bytes, Future[Reply]] = OrderedDict()
        self._failures: Counter[str] = Counter()

    @property
    def version(self) -> str:
        """What identifies the rules and the libraries behind them."""
        return self._rules.version

    @property
    def worker_pids(self) -> list[int]:
        """The process ids of the living workers."""
        return self._pool.pids

    def submit(
        self, job_id: int, question: Question, solution: str, finish: FinishReason, draw: int | None = None
    ) -> None:
        """Queue one solution; see `Verifier.submit`. `draw` makes no difference here."""
        decision = self._decide(question, solution, finish)
        with self._changed:
            self._out += 1
        if isinstance(decision, Judgement):
            self._deliver(job_id, decision)
            return

        def deliver(future: Future[Reply]) -> None:
            if not future.cancelled():
                self._deliver(job_id, Judgement(self._verdict(future.result()), decision.answer))

        self._ask(decision).add_done_callback(deliver)

    def lost(self, question: Question, draw: int) -> None:
        """A root rollout that will never come changes nothing here."""

    def poll(self, timeout: float) -> list[tuple[int, Judgement]]:
        """All judgements that are in; see `Verifier.poll`."""
        with self._changed:
            self._changed.wait_for(lambda: self._done or not self._out, timeout)
            done, self._done = self._done, []
            return done

    def judge(self, question: Question, solution: str, finish: FinishReason) -> Judgement:
        """Judge one solution and wait for it; a verifier closed meanwhile gives `crash`."""
        decision = self._decide(question, solution, finish)
        if isinstance(decision, Judgement):
            return decision
        try:
            verdict = self._verdict(self._ask(decision).result())
        except CancelledError:
            verdict = Verdict.CRASH
        return Judgement(verdict, decision.answer)

    def failures(self) -> Mapping[str, int]:
        """How many judgements failed for which reason; see `TellsFailures`."""
        with self._changed:
            return dict(self._failures.most_common())

    def close(self) -> None:
        """Kill the workers and drop the jobs in flight. May be called twice."""
        self._pool.close()
        with self._changed:
            self._out = 0
            self._changed.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _decide(self, question: Question, solution: str, finish: FinishReason) -> Judgement | Check:
        if finish is FinishReason.ERROR:
            raise ValueError(f"question {question.id}: a failed generation is not a solution")
        if finish is FinishReason.LENGTH:
            return Judgement(Verdict.TRUNCATED)
        return self._rules.decide(question, solution)

    def _ask(self, check: Check) -> Future[Reply]:
        key = check.key
        with self._changed:
            future = self._cache.get(key)
            if future is not None:
                self._cache.move_to_end(key)
                return future
            future = self._cache[key] = self._pool.submit(check.request)
            if len(self._cache) > _CACHED_VERDICTS:
                self._cache.popitem(last=False)

        def forget_crash(future: Future[Reply]) -> None:
            if future.cancelled() or future.result().verdict is Verdict.CRASH:
                with self._changed:
                    self._cache.pop(key, None)

        future.add_done_callback(forget_crash)
        return future

    def _verdict(self, reply: Reply) -> Verdict:
        if reply.verdict in _FAILED:
            # An exception's text can be anything, a terminal's control sequences too.
            said = "".join(sign if sign.isprintable() else " " for sign in reply.detail) or "no reason given"
            with self._changed:
                known = said in self._failures or len(self._failures) < _REASONS_KEPT
                self._failures[said if known else "other reasons"] += 1
        return reply.verdict

    def _deliver(self, job_id: int, judgement: Judgement) -> None:
        with self._changed:
            self._out -= 1
            self._done.append((job_id, judgement))
            self._changed.notify_all()
