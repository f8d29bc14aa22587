from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from asking import collect, question

from omega_fast.errors import ConfigError
from omega_fast.records import FinishReason, Judgement, Verdict
from omega_fast.verifiers.checker import CheckerVerifier, load_verifier
from omega_fast.verifiers.majority import MajorityVerifier

STOP = FinishReason.STOP
MODULE = """
import os, sys, time

def check(problem, answer_gold, solution):
    print("checkers may print")
    sys.stdout.flush()
    if solution == "hang":
        while True:
            time.sleep(1)
    if solution == "die":
        os._exit(3)
    if solution == "raise":
        raise RuntimeError("boom")
    if solution == "unsupported":
        return "unsupported"
    if solution == "nonsense":
        return "maybe"
    if solution == "none":
        return None
    return answer_gold is None or solution.endswith(answer_gold)
"""


@pytest.fixture(scope="module")
def checker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CheckerVerifier]:
    folder = tmp_path_factory.mktemp("checkers")
    (folder / "my_checker.py").write_text(MODULE)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        with load_verifier("my_checker:check", deadline_s=1.0) as loaded:
            yield loaded


@pytest.mark.parametrize(
    ("solution", "expected"),
    [
        ("it is 4", Verdict.CORRECT),
        ("it is 5", Verdict.WRONG),
        ("unsupported", Verdict.UNSUPPORTED),
        ("hang", Verdict.TIMEOUT),
        ("die", Verdict.CRASH),
        ("raise", Verdict.CRASH),
        ("nonsense", Verdict.CRASH),
        ("none", Verdict.CRASH),
    ],
)
def test_what_a_checker_does_becomes_a_verdict(
    checker: CheckerVerifier, solution: str, expected: Verdict
) -> None:
    assert checker.judge(question("4"), solution, STOP).verdict is expected


def test_why_a_checker_failed_is_told_with_counts_and_harmless(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "raises.py").write_text(
        "def check(problem, answer_gold, solution):\n"
        "    raise KeyError('no \\x1b[31mred\\n') if solution < 'c' else RuntimeError('boom')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with load_verifier("raises:check") as raising:
        assert raising.failures() == {}
        for solution in "abc":
            raising.judge(question("4"), solution, STOP)
        told = list(raising.failures().items())
        majority = MajorityVerifier(raising, 1)
        assert majority.failures() == raising.failures()
    assert [count for _, count in told] == [2, 1]
    assert told[0][0].startswith("KeyError: 'no ")
    assert told[1][0] == "RuntimeError: boom"
    assert all(name.isprintable() for name, _ in told)


def test_a_truncated_solution_never_reaches_the_checker(checker: CheckerVerifier) -> None:
    assert checker.judge(question("4"), "die", FinishReason.LENGTH).verdict is Verdict.TRUNCATED


def test_a_checker_may_judge_questions_without_gold(checker: CheckerVerifier) -> None:
    checker.submit(1, question(None), r"\boxed{9}", STOP)
    assert collect(checker, 1) == {1: Judgement(Verdict.CORRECT, "9")}


def test_a_crash_is_asked_again_because_it_can_come_from_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flag = tmp_path / "flag"
    (tmp_path / "once.py").write_text(
        "import os\ndef check(**_):\n"
        f"    if not os.path.exists({str(flag)!r}):\n"
        f"        open({str(flag)!r}, 'w').close()\n"
        "        os._exit(1)\n"
        "    return True\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with load_verifier("once:check") as once:
        assert once.judge(question("4"), "s", STOP).verdict is Verdict.CRASH
        assert once.judge(question("4"), "s", STOP).verdict is Verdict.CORRECT


def test_the_version_follows_the_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    versions = set()
    monkeypatch.syspath_prepend(tmp_path)
    for limit in ("1", "22"):
        (tmp_path / "changing.py").write_text(f"def check(**_):\n    return {limit} > 10\n")
        with load_verifier("changing:check") as loaded:
            versions.add(loaded.version)
    assert len(versions) == 2


@pytest.mark.parametrize("name", ["", "module", "module:", ":function", "a b:c", "a:b:c", "../a:b"])
def test_a_name_of_another_form_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="names no function"):
        load_verifier(name)


@pytest.mark.parametrize("name", ["no_such_module_anywhere:check", "json:no_such_function", "json:__all__"])
def test_a_checker_that_cannot_be_imported_is_refused_at_once(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot load verifier"):
        load_verifier(name)
