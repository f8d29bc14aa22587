"""Tools whose check is a function in killable worker processes: the SymPy tool, and those of users."""

from __future__ import annotations

import re
from concurrent.futures import CancelledError
from importlib.metadata import version as installed

from omega_fast.errors import ConfigError
from omega_fast.records import Verdict
from omega_fast.verifiers.pool import WorkerPool
from omega_fast.verifiers.sandbox import Limits, Reply
from omega_fast.verifiers.tools.base import Finding, ToolAnswer
from omega_fast.verifiers.tools.closing import Closing

__all__ = ["FunctionTool", "SympyTool", "WorkerTool"]

_FINDINGS = {Verdict.CORRECT: Finding.RIGHT, Verdict.WRONG: Finding.WRONG}
_NAME = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", re.ASCII)
_LONGEST = 20_000

# Raised whenever some query can be decided differently from before
_LANGUAGE_VERSION = 1
_LANGUAGE = """\
One claim in plain mathematics or LaTeX, such as
  3/4 + 1/8 = 7/8            also <, <=, >, >=, !=, and ~= for rounded values; chains a = b = c
  for all x: (x+1)^2 = x^2 + 2*x + 1
  given x + y = 5, x - y = 1: x = 3
  solve(x^2 - 5*x + 6 = 0; x) = {2, 3}      solve(x^2 < 4; x) = (-2, 2)
  diff(x^3, x) = 3*x^2    integrate(2*x, x) = x^2    integrate(x^2, x, 0, 1) = 1/3    limit(sin(x)/x, x, 0) = 1
  17 equiv 2 (mod 5)      sum(k^2, k, 1, 10) = 385
Functions: sqrt root abs ln log(x, base) exp sin cos tan asin acos atan floor ceil factorial binomial gcd lcm mod max
min.
Variables are single letters, perhaps with a subscript, and stand for real numbers. Constants: pi, i, exp(1), oo."""


class WorkerTool(Closing):
    """Asks a check function in worker processes; their deadline, death or lack of memory is `cannot_say`.

    Args:
        check: The function, as `module:function`; it gets the query and returns a bool, or a verdict's name, or a
            mapping with `verdict`, `detail` and `value`. `unsupported` stands for what it cannot say.
        workers: Worker processes, started when first needed.
        deadline_s: Seconds a query may take.
        memory_bytes: Address space of a worker.
    """

    def __init__(self, check: str, *, workers: int, deadline_s: float, memory_bytes: int) -> None:
        self._pool = WorkerPool(check, workers, Limits(deadline_s, memory_bytes))

    @property
    def worker_pids(self) -> list[int]:
        """The process ids of the living workers."""
        return self._pool.pids

    def check(self, query: str) -> ToolAnswer:
        """The finding on a query; a tool closed meanwhile cannot say."""
        if len(query) > _LONGEST:
            return ToolAnswer(
                Finding.CANNOT_SAY, f"the query has {len(query)} characters, more than {_LONGEST}"
            )
        try:
            reply = self._pool.submit({"query": query}).result()
        except (CancelledError, ConfigError):
            return ToolAnswer(Finding.CANNOT_SAY, "the tool was closed")
        return _answer(reply)

    def close(self) -> None:
        """Kill the workers. May be called twice."""
        self._pool.close()


def _answer(reply: Reply) -> ToolAnswer:
    finding = _FINDINGS.get(reply.verdict, Finding.CANNOT_SAY)
    # An exception's text can be anything, a terminal's control sequences too
    said = "".join(sign if sign.isprintable() else " " for sign in reply.detail)
    return ToolAnswer(finding, said or "no reason given", reply.value)


class SympyTool(WorkerTool):
    """Decides claims of arithmetic, algebra and calculus, in a declared language, by computer algebra.

    A query is parsed by this package's own parser, with limits on size, and built into SymPy objects; no text reaches
    `sympify` or `eval`. What the language does not have, what can be read in two ways, and what is neither proved nor
    refuted is `cannot_say`. An equation with variables that is no identity says nothing, unless conditions are given.

    Args:
        workers: Worker processes, started when first needed.
        deadline_s: Seconds a query may take before its worker is killed.
        memory_bytes: Address space of a worker.
    """

    name = "sympy"
    language = _LANGUAGE

    def __init__(self, *, workers: int = 1, deadline_s: float = 5.0, memory_bytes: int = 1 << 30) -> None:
        super().__init__(
            "omega_fast.verifiers.tools.sympy_worker:check",
            workers=workers,
            deadline_s=deadline_s,
            memory_bytes=memory_bytes,
        )
        self.version = f"sympy-tool-{_LANGUAGE_VERSION} sympy-{installed('sympy')}"


class FunctionTool(WorkerTool):
    """A user's own function `check(query)` as a tool, imported in worker processes alone; see `WorkerTool`.

    Args:
        name: The function, as `module:function`.
        workers: Worker processes.
        deadline_s: Seconds a query may take.
        memory_bytes: Address space of a worker.

    Raises:
        ConfigError: The name is not of that form, or the function cannot be imported.
    """

    language = "queries as the function understands them"

    def __init__(
        self, name: str, *, workers: int = 1, deadline_s: float = 5.0, memory_bytes: int = 4 << 30
    ) -> None:
        if not _NAME.fullmatch(name):
            raise ConfigError(f"tool {name!r} names no function", hint="write it as module:function")
        super().__init__(name, workers=workers, deadline_s=deadline_s, memory_bytes=memory_bytes)
        self.name = name
        try:
            self.version = f"{name} sha256-{self._pool.start()}"
        except ConfigError:
            self.close()
            raise
