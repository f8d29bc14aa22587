"""`omega serve --run`: commands between a start and an end of servers, with a program in vLLM's place."""

import json
import shlex
import sys

from tests.serving.serving import free_port, serving


def flags(model, *more):
    return ["--policy", str(model), "--policy-port", str(free_port()), *more]


def test_commands_run_once_the_servers_answer_and_then_these_are_stopped(tmp_path, make_model):
    port = free_port()
    ask = (
        "import json, sys, urllib.request as u; "
        f"u.urlopen('http://127.0.0.1:{port}/health'); print(json.dumps({{'asked': 7}}))"
    )
    report = tmp_path / "report.json"
    command = shlex.join([sys.executable, "-c", ask])
    with serving(
        tmp_path, "--policy", str(make_model("policy")), "--policy-port", str(port),
        "--run", command, "--run", "omega --version", "--report", str(report), "--json",
    ) as running:  # fmt: skip
        assert running.end(120) == 0, running.stderr
        assert running.processes() == []
    told = json.loads(report.read_text())
    assert told["results"] == {"1": {"asked": 7}, "2": None}
    assert [each["code"] for each in told["commands"]] == [0, 0]
    assert told["complete"] is True
    assert json.loads(running.stdout)["results"]["1"] == {"asked": 7}


def test_a_command_that_fails_ends_it_with_its_code(tmp_path, make_model):
    fails = shlex.join([sys.executable, "-c", "raise SystemExit(5)"])
    never = shlex.join([sys.executable, "-c", f"open({str(tmp_path / 'ran')!r}, 'w')"])
    with serving(tmp_path, *flags(make_model("policy"), "--run", fails, "--run", never)) as running:
        assert running.end(120) == 5, running.stderr
        assert running.processes() == []
    assert not (tmp_path / "ran").exists()


def test_a_program_that_is_not_there_is_told(tmp_path, make_model):
    with serving(tmp_path, *flags(make_model("policy"), "--run", "no-such-program x")) as running:
        assert running.end(120) == 1
    assert "cannot run no-such-program" in running.stderr


def test_an_interrupt_reaches_the_command_that_runs(tmp_path, make_model):
    waits = shlex.join([sys.executable, "-c", "import time; print('begun', flush=True); time.sleep(600)"])
    with serving(tmp_path, *flags(make_model("policy"), "--run", waits)) as running:
        running.wait_for("running ")
        running.interrupt()
        assert running.end(120) == 130, running.stderr
        assert running.processes() == []


def test_without_vllm_it_fails_or_says_that_it_ran_nothing(tmp_path, make_model):
    model = make_model("policy")
    absent = [
        "--run",
        "omega --version",
        "--python",
        sys.executable,
        "--report",
        str(tmp_path / "report.json"),
    ]
    with serving(tmp_path, *flags(model, *absent), fake=False) as running:
        assert running.end(120) == 7
    assert "vllm is not installed" in running.stderr
    with serving(tmp_path, *flags(model, *absent, "--without-vllm", "skip"), fake=False) as running:
        assert running.end(120) == 3
    assert "nothing was served: vllm is not installed" in running.stderr
    assert "vllm is not installed" in json.loads((tmp_path / "report.json").read_text())["skipped"]
