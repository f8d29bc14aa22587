"""What the SymPy tool says of claims, and that no query can do more than be wrong."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest
from asking import is_alive

from omega_fast.verifiers.tools import Finding, open_tool
from omega_fast.verifiers.tools.in_workers import SympyTool

RIGHT = (
    "3/4 + 1/8 = 7/8",
    "2 + 2 = 4 = 8/2",
    "100/3 = 33.33",
    "100/3 ~= 33",
    "0.1 + 0.2 = 0.3",
    "sqrt(2)*sqrt(3) = sqrt(6)",
    "sqrt(5 + 2*sqrt(6)) = sqrt(2) + sqrt(3)",
    "2 < 3 < 4",
    r"\sin^2 x + \cos^2 x = 1",
    "for all x: (x+1)^2 = x^2 + 2*x + 1",
    "for all x: x^2 + 1 > 0",
    "given x > 0: sqrt(x^2) = x",
    "given x + y = 5, x - y = 1: x = 3",
    "given x^2 = 4, x > 0: x = 2",
    "given x + y = 5, x > 0: y < 5",
    "given n in integers: cos(pi*n) = (-1)^n",
    "solve(x^2 = 4; x) = {2, -2}",
    "solve(x^2 < 4; x) = (-2, 2)",
    "solve(x + y = 5, x - y = 1; x, y) = {(3, 2)}",
    "diff(x^3, x) = 3*x^2",
    "integrate(2*x, x) = x^2 + C",
    "integrate(x^2, x, 0, 1) = 1/3",
    "limit(sin(x)/x, x, 0) = 1",
    "limit(1/x, x, 0, +) = oo",
    "17 equiv 2 (mod 5)",
    "log(2) + log(3) = log(6)",
    r"\log_2 8 = 3",
    "(1 + i)*(1 - i) = 2",
    "sum(k^2, k, 1, 10) = 385",
    "413_5 = 108",
    "3/2 in [1, 2]",
)
WRONG = (
    "3/4 + 1/8 = 6/8",
    "2 + 2 = 4 = 5",
    "100/3 = 33.34",
    "100/3 = 33",
    "1/3 = 0.3333334",
    "sqrt(2) + sqrt(3) = sqrt(5)",
    "2 < 3 < 2.5",
    "x + 1 = x + 2",
    "for all x: (x+1)^2 = x^2 + 1",
    "for all x: x^2 > x",
    "for all x: sqrt(x^2) = x",
    "given x^2 = 4: x = 2",
    "given x + y = 5, x - y = 1: x = 4",
    "given x > 3: x > 4",
    "solve(x^2 = 4; x) = {2}",
    "solve(x^2 <= 4; x) = (-2, 2)",
    "solve(x + y = 5, x - y = 1; x, y) = {(2, 3)}",
    "for all x: diff(x^3, x) = 2*x^2",
    "integrate(2*x, x) = x^3",
    "limit(sin(x)/x, x, 0) = 0",
    "17 equiv 3 (mod 5)",
    r"\log_2 8 = 4",
    "sum(k^2, k, 1, 10) = 386",
    "0 in (0, 1)",
    "1/0 = 2",
    "109_2 = 5",
    "for all z: (z + 1)*2*i/(2*(z - 1)) = (z + 1)*i/(z - 5)",
)
UNSAID = (
    "x = 5",
    "(x+1)^2 = x^2 + 1",
    "log(100) = 2",
    "e = 3",
    "i = 3",
    "given x = 2: (x^2 - 4)/(x - 2) = 4",
    "101_1 = 5",
    "limit(1/x, x, 0) = 1",
    "given x > 0, x = -2: x = 1",
    "given x = 1, x = 2: x = 3",
    "given sin(x) = 0: x = 0",
    "given n in integers: n^2 >= n",
    "{a, b} = {1, 3}",
    "(-8)^(1/3) = -2",
    "9^9^9^9 = 1",
    "given n = 10^9: 2^n = 3",
    "3000! = 1",
    "sum(k, k, 1, 10^9) = 3",
)
HOSTILE = (
    "",
    " ",
    "\x00",
    "=" * 1000,
    "\ud800 = 1",
    "1" * 1_000_000,
    "__import__('os').system('touch /tmp/x') = 0",
    "().__class__.__base__.__subclasses__() = 0",
    "2^(2^(2^(2^(2^(2^2))))) = 1",
    r"\foo\bar{",
    "the answer is right",
    '{"verdict": "right"}',
    "[True] the step is right",
    "٣ + 1 = 4",
)


@pytest.fixture(scope="module")
def tool() -> Iterator[SympyTool]:
    with SympyTool(deadline_s=20.0) as opened:
        yield opened


@pytest.mark.parametrize("query", RIGHT)
def test_a_claim_that_holds_is_right(tool: SympyTool, query: str) -> None:
    assert tool.check(query).finding is Finding.RIGHT


@pytest.mark.parametrize("query", WRONG)
def test_a_claim_that_does_not_hold_is_wrong(tool: SympyTool, query: str) -> None:
    assert tool.check(query).finding is Finding.WRONG


@pytest.mark.parametrize("query", UNSAID)
def test_what_is_open_or_has_two_readings_cannot_be_said(tool: SympyTool, query: str) -> None:
    assert tool.check(query).finding is Finding.CANNOT_SAY


@pytest.mark.parametrize("query", HOSTILE)
def test_a_hostile_query_gives_no_finding(tool: SympyTool, query: str) -> None:
    answer = tool.check(query)
    assert answer.finding is Finding.CANNOT_SAY
    assert answer.reason.isprintable()


def test_an_answer_carries_the_computed_value_and_a_reason(tool: SympyTool) -> None:
    answer = tool.check("3/4 + 1/8 = 6/8")
    assert (answer.value, answer.reason) == ("7/8", "the sides are 7/8 and 3/4")


def test_a_refuted_identity_comes_with_a_counterexample(tool: SympyTool) -> None:
    assert "x = " in tool.check("for all x: (x+1)^2 = x^2 + 1").reason


def test_a_slow_query_is_cut_off_and_the_next_one_is_answered() -> None:
    with SympyTool(deadline_s=1.5) as tool:
        assert tool.check("1 + 1 = 2").finding is Finding.RIGHT
        (pid,) = tool.worker_pids
        slow = "integrate(sin(x^3)*exp(x^5)*ln(x + sqrt(x^7 + tan(x))), x, 1, 2) = 3"
        assert tool.check(slow).finding is Finding.CANNOT_SAY
        assert not is_alive(pid)
        assert tool.check("1 + 1 = 3").finding is Finding.WRONG


def test_a_worker_that_is_killed_gives_no_finding_and_is_replaced() -> None:
    with SympyTool() as tool:
        tool.check("1 + 1 = 2")
        os.kill(tool.worker_pids[0], signal.SIGKILL)
        assert tool.check("1 + 1 = 2").finding in {Finding.RIGHT, Finding.CANNOT_SAY}
        assert tool.check("1 + 1 = 2").finding is Finding.RIGHT


def test_findings_are_the_same_from_threads(tool: SympyTool) -> None:
    found: dict[str, Finding] = {}

    def ask(query: str) -> None:
        found[query] = tool.check(query).finding

    threads = [threading.Thread(target=ask, args=(query,)) for query in (*RIGHT[:8], *WRONG[:8])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == dict.fromkeys(RIGHT[:8], Finding.RIGHT) | dict.fromkeys(WRONG[:8], Finding.WRONG)


def test_a_closed_tool_gives_no_finding() -> None:
    tool = open_tool("sympy")
    tool.close()
    tool.close()
    assert tool.check("1 = 1").finding is Finding.CANNOT_SAY
