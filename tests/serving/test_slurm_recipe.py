"""The SLURM recipe, run with small programs in the place of srun, curl and omega."""

import os
import shlex
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.conftest import jobs, omega  # noqa: F401 - fixtures

RECIPE = Path(__file__).parents[2] / "recipes" / "slurm" / "annotate.sbatch"
PROGRAMS = {
    "srun": 'while [[ $1 == --* ]]; do shift; done\nexec "$@"',
    "curl": "[[ -e up ]]",
    "omega": """printf '%q ' "$@" > "$1.args"
if [[ $1 == annotate ]]; then
    trap 'kill $!; echo drained > annotate.end; exit 130' TERM
    [[ -e slow ]] && { sleep 30 & wait; }
    exit 0
fi
[[ -e broken ]] && exit 7
trap 'kill $!; echo stopped > serve.end; exit 0' TERM
touch up
sleep 30 & wait""",
}


@pytest.fixture
def start(tmp_path, make_model):
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, body in PROGRAMS.items():
        (programs / name).write_text(f"#!/bin/bash\n{body}\n")
        (programs / name).chmod(0o755)
    text = RECIPE.read_text().replace("sleep 5", "sleep 0.05")
    (tmp_path / "recipe").write_text(text)

    def begin(**variables):
        given = {
            "POLICY": str(make_model("policy_model")),
            "QUESTIONS": "q.jsonl",
            "RUN": "runs/a",
            **variables,
        }
        path = f"{programs}:{os.environ['PATH']}"
        return subprocess.Popen(
            ["bash", "recipe"],
            cwd=tmp_path,
            env={"PATH": path, **given},
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    return begin


@pytest.fixture
def accepted(omega, jobs, monkeypatch):  # noqa: F811
    """What `omega` makes of the command lines that the recipe ran."""

    def ask(folder):
        monkeypatch.setenv("VLLM_API_KEY", "key-of-the-job")
        served = omega(*shlex.split((folder / "serve.args").read_text()), "--dry-run")
        assert served.exit_code == 0, served.stderr
        annotated = omega(*shlex.split((folder / "annotate.args").read_text()))
        assert annotated.exit_code == 0, annotated.stderr
        return served.stdout, jobs.asked["config"]

    return ask


def test_its_syntax_is_right():
    subprocess.run(["bash", "-n", str(RECIPE)], check=True)


@pytest.mark.parametrize("with_reward", [False, True])
def test_omega_accepts_the_flags_it_uses(start, tmp_path, accepted, reward, with_reward):
    run = start(**({"REWARD": str(reward)} if with_reward else {}))
    _, said = run.communicate(timeout=60)
    assert run.returncode == 0, said
    assert (tmp_path / "serve.end").exists()
    served, config = accepted(tmp_path)
    assert served.count("api_server") == 1 + with_reward
    assert (config.model_type, config.base_url) == ("openai", "http://127.0.0.1:8000/v1")
    assert f"--served-model-name {config.model_name} " in served


def test_the_key_of_the_job_is_in_no_command_line(start, tmp_path):
    run = start(VLLM_API_KEY="sk-canary-slurm")
    run.communicate(timeout=60)
    assert "canary" not in (tmp_path / "serve.args").read_text() + (tmp_path / "annotate.args").read_text()


def test_a_time_limit_drains_the_work_before_the_servers_stop(start, tmp_path):
    (tmp_path / "slow").touch()
    run = start()
    deadline = time.monotonic() + 60
    while not (tmp_path / "annotate.args").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(0.3)
    run.send_signal(signal.SIGTERM)
    run.communicate(timeout=60)
    assert run.returncode == 143
    assert (tmp_path / "annotate.end").stat().st_mtime_ns <= (tmp_path / "serve.end").stat().st_mtime_ns


def test_servers_that_do_not_start_end_the_job_with_their_code(start, tmp_path):
    (tmp_path / "broken").touch()
    run = start()
    _, said = run.communicate(timeout=60)
    assert run.returncode == 7
    assert "did not start" in said
    assert not (tmp_path / "annotate.args").exists()


def test_a_missing_variable_is_named(start):
    run = start(POLICY="")
    _, said = run.communicate(timeout=60)
    assert run.returncode != 0
    assert "POLICY: name a model folder" in said
