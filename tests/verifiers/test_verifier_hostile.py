"""Answers that hang, exhaust or attack a checker: measured hazards of Math-Verify and SymPy."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from asking import collect, is_alive, question, verdict

from omega_fast.records import FinishReason, Judgement, Verdict
from omega_fast.verifiers.answer import AnswerVerifier
from omega_fast.verifiers.sandbox import Limits, Sandbox

ALGEBRA = "omega_fast.verifiers.algebra:check"
NO_VERDICT = {Verdict.TIMEOUT, Verdict.CRASH}
HANGING = {
    "tower": r"9^{9^{9^9}}",
    "factorial": "1000000000!",
    "binomial": r"\binom{10^9}{5 \cdot 10^8}",
    "sum": r"\sum_{k=1}^{10^9} \frac{\sin(k)}{k}",
    "nested": "(" * 5000 + "1" + ")" * 5000,
}
TOLD = {
    "digits": ("18", "7" * 1_000_000),
    "stars": ("18", "9**9**9**9"),
    "nan": ("an^2", "nan"),
    "set": ("(1,2)", r"\{1,2\}"),
    "registers": ("7 3", "73"),
}
CODE = (
    "__import__('os').system('touch {canary}')",
    "__import__('pathlib').Path('{canary}').touch()",
    r"\operatorname{{eval}}(open('{canary}','w'))",
    "().__class__.__base__.__subclasses__() or open('{canary}', 'w')",
)


def from_thread(verifier: AnswerVerifier, gold: str, answer: str) -> Verdict:
    found: list[Verdict] = []
    thread = threading.Thread(target=lambda: found.append(verdict(verifier, gold, answer)))
    thread.start()
    thread.join()
    return found[0]


@pytest.mark.parametrize("name", HANGING)
def test_a_hanging_check_gives_no_verdict_and_its_process_is_killed(
    verifier: AnswerVerifier, name: str
) -> None:
    assert verdict(verifier, f"x+{name[0]}", f"{name[0]}+x") is Verdict.CORRECT
    (pid,) = verifier.worker_pids
    assert verdict(verifier, "18", HANGING[name]) in NO_VERDICT
    assert not is_alive(pid)


@pytest.mark.parametrize("name", HANGING)
def test_a_hanging_check_gives_no_verdict_off_the_main_thread(verifier: AnswerVerifier, name: str) -> None:
    # Another gold answer, so that the cached verdict of the main thread's check is not what comes back.
    assert from_thread(verifier, "19", HANGING[name]) in NO_VERDICT


@pytest.mark.parametrize("name", TOLD)
def test_a_misleading_answer_is_wrong_in_every_thread(verifier: AnswerVerifier, name: str) -> None:
    gold, answer = TOLD[name]
    assert verdict(verifier, gold, answer) is Verdict.WRONG
    assert from_thread(verifier, gold, answer) is Verdict.WRONG


@pytest.mark.parametrize("template", CODE)
def test_code_in_an_answer_is_never_run(verifier: AnswerVerifier, tmp_path: Path, template: str) -> None:
    canary = tmp_path / "canary"
    answer = template.format(canary=canary)
    assert verdict(verifier, "18", answer) is not Verdict.CORRECT
    assert from_thread(verifier, "19", answer) is not Verdict.CORRECT
    assert verdict(verifier, answer, "18") is not Verdict.CORRECT
    assert not canary.exists()


def test_the_pool_goes_on_after_every_hanging_check(verifier: AnswerVerifier) -> None:
    for job, answer in enumerate([r"8^{8^{8^8}}", "1+y", r"999999999!", "2+y-1"]):
        verifier.submit(job, question("y+1"), f"\\boxed{{{answer}}}", FinishReason.STOP)
    found = collect(verifier, 4)
    assert {found[0].verdict, found[2].verdict} <= NO_VERDICT
    assert found[1].verdict is found[3].verdict is Verdict.CORRECT


def test_a_million_digits_do_not_exhaust_the_worker() -> None:
    sandbox = Sandbox(ALGEBRA, Limits(deadline_s=2.0))
    reply = sandbox.ask({"gold": "18", "answer": "7" * 1_000_000})
    sandbox.close()
    assert reply.verdict in {Verdict.WRONG, *NO_VERDICT}


def test_running_out_of_memory_is_a_crash_and_the_worker_is_replaced() -> None:
    sandbox = Sandbox(ALGEBRA, Limits(deadline_s=20.0, memory_bytes=200 << 20))
    assert sandbox.ask({"gold": "18", "answer": "7" * 2_000_000}).verdict is Verdict.CRASH
    assert sandbox.ask({"gold": "x+1", "answer": "1+x"}).verdict is Verdict.CORRECT
    sandbox.close()


def test_running_out_of_stack_is_a_crash_and_not_a_wrong_answer() -> None:
    sandbox = Sandbox(ALGEBRA, Limits(deadline_s=20.0))
    deep = r"\frac{1}{" * 300 + "2" + "}" * 300
    assert sandbox.ask({"gold": "18", "answer": deep}).verdict is Verdict.CRASH
    sandbox.close()


def test_a_worker_killed_from_outside_is_a_crash_and_the_pool_goes_on() -> None:
    with AnswerVerifier(deadline_s=60.0) as victim:
        assert verdict(victim, "x+1", "1+x") is Verdict.CORRECT
        (pid,) = victim.worker_pids
        victim.submit(1, question("18"), r"\boxed{1000000000!}", FinishReason.STOP)
        os.kill(pid, signal.SIGKILL)
        assert collect(victim, 1) == {1: Judgement(Verdict.CRASH, "1000000000!")}
        assert verdict(victim, "x+2", "2+x") is Verdict.CORRECT
        assert victim.worker_pids != [pid]


def test_a_stopped_worker_times_out() -> None:
    sandbox = Sandbox(ALGEBRA, Limits(deadline_s=1.0))
    sandbox.start()
    assert sandbox.pid is not None
    os.kill(sandbox.pid, signal.SIGSTOP)
    assert sandbox.ask({"gold": "1", "answer": "x" * 1_000_000}).verdict is Verdict.TIMEOUT
    sandbox.close()


def test_a_worker_ends_when_its_parent_is_killed() -> None:
    program = (
        "import os, signal\n"
        "from omega_fast.verifiers.sandbox import Limits, Sandbox\n"
        f"sandbox = Sandbox({ALGEBRA!r}, Limits())\n"
        "sandbox.start()\n"
        "print(sandbox.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=False)
    worker = int(run.stdout)
    for _ in range(600):
        if not is_alive(worker) or Path(f"/proc/{worker}/stat").read_text().split()[2] == "Z":
            return
        threading.Event().wait(0.05)
    pytest.fail(f"worker {worker} outlived its parent")


def test_the_environment_of_a_worker_holds_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "looking.py").write_text(
        "import os\ndef check(**_):\n    return not any('SECRET' in v for v in os.environ.values())\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "SECRET-canary")
    sandbox = Sandbox("looking:check", Limits())
    assert sandbox.ask({}).verdict is Verdict.CORRECT
    sandbox.close()


@pytest.mark.parametrize("act", ["os.system('true')", "open({path!r}, 'w')", "__import__('socket').socket()"])
def test_the_algebra_worker_may_not_act_on_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    path = tmp_path / "written"
    (tmp_path / "acting.py").write_text(
        "import os, socket\nimport omega_fast.verifiers.algebra\n"
        f"def check(**_):\n    {act.format(path=str(path))}\n    return True\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    sandbox = Sandbox("acting:check", Limits())
    reply = sandbox.ask({})
    sandbox.close()
    assert reply.verdict is Verdict.CRASH
    assert reply.detail.startswith("PermissionError")
    assert not path.exists()


def test_a_factorial_is_killed_with_gmpy2_where_an_alarm_would_be_ignored(verifier: AnswerVerifier) -> None:
    pytest.importorskip("gmpy2", reason="gmpy2 is not installed")
    assert verdict(verifier, "20", "1000000000!") in NO_VERDICT
    assert verdict(verifier, "x+1", "1+x") is Verdict.CORRECT
