"""Whole lives of `omega serve`, with a small program in vLLM's place that starts a worker in another session."""

import json
import os
import shutil
import signal
import socket
import subprocess
from contextlib import suppress

import psutil
import pytest

from tests.serving.serving import free_port, serving

KEY = "sk-canary-8f3a"


@pytest.fixture
def both(reward):
    """Flags for a policy and a reward model on free ports."""

    def flags(policy="", scorer="", **others):
        made = ["--policy", "ledger-policy", "--policy-port", str(free_port())]
        made += ["--reward", str(reward), "--reward-port", str(free_port())]
        for part, fake in (("policy", policy), ("reward", scorer)):
            if fake:
                arguments = fake if isinstance(fake, dict) else {"fake": fake}
                made += [f"--{part}-engine-args", json.dumps(arguments)]
        for name, value in {"grace_period": 5, **others}.items():
            made += [f"--{name.replace('_', '-')}", str(value)]
        return made

    return flags


def ready(running):
    running.wait_for("ready; ^C stops it")


def test_both_answer_the_printed_commands_work_and_an_interrupt_leaves_nothing(tmp_path, both):
    with serving(tmp_path, *both(api_key_env="SERVE_KEY"), env={"SERVE_KEY": KEY}) as running:
        ready(running)
        assert len(running.servers()) == len(running.guards()) == 2
        assert len(running.processes()) == 7  # a worker each
        if shutil.which("curl"):
            for line in running.stderr.splitlines():
                if "curl" in line:
                    answer = subprocess.run(
                        ["bash", "-c", line],
                        env={"PATH": "/usr/bin:/bin", "SERVE_KEY": KEY},
                        capture_output=True,
                        check=True,
                    )
                    assert json.loads(answer.stdout)["model"] in ("ledger-policy", "prm")
        groups = {each.pid: psutil.Process(each.pid) for each in running.servers()}
        assert len({os.getpgid(pid) for pid in groups}) == 2
        running.interrupt()
        assert running.end() == 0
        assert running.processes() == []
        assert "stopped" in running.stdout


def test_a_termination_ends_it_as_an_interrupt_does(tmp_path, both):
    with serving(tmp_path, *both()) as running:
        ready(running)
        running.process.terminate()
        assert running.end() == 0
        assert running.processes() == []


def test_a_signal_to_every_process_at_once_is_a_stop_and_no_death(tmp_path, both):
    with serving(tmp_path, *both()) as running:
        ready(running)
        for each in running.processes():
            with suppress(psutil.NoSuchProcess):  # the first signals may have ended it already
                each.send_signal(signal.SIGTERM)
        assert running.end() == 0, running.stderr
        assert running.processes() == []


def test_an_interrupt_while_loading_stops_the_start(tmp_path, both):
    with serving(tmp_path, *both(policy="hang")) as running:
        running.wait_until(lambda: bool(running.servers()))
        running.interrupt()
        assert running.end() == 130
        assert running.processes() == []
        assert not (tmp_path / "serve_logs" / "reward").exists()


def test_a_server_that_ignores_the_end_is_killed_after_its_grace(tmp_path, both):
    with serving(tmp_path, *both(policy="stubborn", grace_period=0.5)) as running:
        ready(running)
        running.interrupt()
        assert running.end() == 0
        assert running.processes() == []


def test_a_second_interrupt_kills_at_once(tmp_path, both):
    with serving(tmp_path, *both(policy="stubborn", grace_period=600)) as running:
        ready(running)
        running.interrupt()
        running.wait_for("once more to kill them")
        running.interrupt()
        assert running.end() == 130
        assert running.processes() == []


def test_its_own_death_by_sigkill_ends_everything(tmp_path, both):
    with serving(tmp_path, *both(policy="stubborn", grace_period=0.5)) as running:
        ready(running)
        running.process.kill()
        running.wait_until(lambda: running.processes() == [])


def test_its_own_death_by_sigkill_lets_the_servers_end_in_peace(tmp_path, both):
    with serving(tmp_path, *both()) as running:
        ready(running)
        running.process.kill()
        running.wait_until(lambda: running.processes() == [])
        logs = [path.read_text() for path in (tmp_path / "serve_logs").iterdir()]
        assert ["shutting down in peace" in log for log in logs] == [True, True]


def test_its_death_by_sigkill_while_loading_ends_everything(tmp_path, both):
    with serving(tmp_path, *both(policy="hang")) as running:
        running.wait_until(lambda: bool(running.servers()))
        running.process.kill()
        running.wait_until(lambda: running.processes() == [])


def test_a_guard_that_is_killed_takes_its_server_along_and_is_told(tmp_path, both):
    with serving(tmp_path, *both()) as running:
        ready(running)
        guard = next(each for each in running.guards() if "ledger-policy" in each.cmdline())
        guard.kill()
        assert running.end() == 7
        assert "policy: the server on port" in running.stderr
        assert running.servers() == []


def test_a_server_that_dies_later_stops_the_other_and_is_told_with_its_log(tmp_path, both):
    with serving(tmp_path, *both()) as running:
        ready(running)
        next(each for each in running.servers() if "pooling" in each.cmdline()).kill()
        assert running.end() == 7
        assert "reward: the server on port" in running.stderr
        assert "was killed by SIGKILL" in running.stderr
        assert "Application startup complete." in running.stderr
        assert "stopping policy" in running.stderr
        assert running.processes() == []


def test_a_server_that_dies_while_loading_is_told_with_its_log_and_a_remedy(tmp_path, both):
    with serving(tmp_path, *both(scorer="die")) as running:
        assert running.end() == 7
        assert "reward: the server on port" in running.stderr
        assert "ended with exit code 3" in running.stderr
        assert "serve_logs/reward-" in running.stderr
        assert "| RuntimeError: CUDA out of memory" in running.stderr
        assert "hint: lower --reward-memory" in running.stderr
        assert running.processes() == []


def test_a_server_that_serves_another_name_is_refused(tmp_path, both):
    with serving(tmp_path, *both(policy="wrong-name")) as running:
        assert running.end() == 7
        assert "serves another, not ledger-policy" in running.stderr
        assert running.processes() == []


def test_a_server_that_hangs_is_given_up_at_its_deadline(tmp_path, both):
    with serving(tmp_path, *both(policy="hang", start_timeout=1.5)) as running:
        assert running.end() == 7
        assert "no answer on port" in running.stderr
        assert "within 1.5 s" in running.stderr
        assert running.processes() == []


def test_a_model_that_fails_its_first_request_is_no_ready_server(tmp_path, both):
    with serving(tmp_path, *both(scorer="broken")) as running:
        assert running.end() == 7
        assert "prm loaded, and answers its first request with 500" in running.stderr
        assert "Unsupported CPU attention" in running.stderr
        assert running.processes() == []


def test_models_on_one_device_load_one_after_the_other(tmp_path, both):
    with serving(tmp_path, *both(policy={"fake-load": 1.0})) as running:
        running.wait_until(lambda: bool(running.servers()))
        assert len(running.guards()) == 1
        ready(running)
        lines = running.stderr.splitlines()
        first = next(at for at, line in enumerate(lines) if line.startswith("policy: answers"))
        assert next(at for at, line in enumerate(lines) if line.startswith("reward: loading")) > first


def test_a_port_that_is_taken_starts_nothing(tmp_path, both):
    flags = both()
    with socket.socket() as held:
        held.bind(("127.0.0.1", int(flags[7])))
        held.listen()
        with serving(tmp_path, *flags) as running:
            assert running.end() == 2
            assert f"reward: port {flags[7]} is taken by process" in running.stderr
            assert not (tmp_path / "serve_logs").exists()


def test_a_port_that_is_taken_while_the_first_model_loads_is_told_and_the_first_is_stopped(tmp_path, both):
    flags = both(policy={"fake-load": 2.0})
    with serving(tmp_path, *flags) as running:
        running.wait_until(lambda: bool(running.servers()))
        with socket.socket() as held:
            held.bind(("127.0.0.1", int(flags[7])))
            held.listen()
            assert running.end() == 2
            assert f"reward: port {flags[7]} is taken" in running.stderr
            assert running.processes() == []


def test_a_log_folder_that_cannot_be_written_is_told(tmp_path, both):
    (tmp_path / "file").write_text("")
    with serving(tmp_path, *both(log_dir="file/logs")) as running:
        assert running.end() == 2
        assert "log file file/logs/policy-" in running.stderr


@pytest.mark.parametrize(("policy", "scorer"), [("", ""), ("", "die"), ("broken", "")])
def test_the_key_is_in_no_output_log_or_command_line(tmp_path, both, policy, scorer):
    flags = both(policy=policy, scorer=scorer, api_key_env="SERVE_KEY")
    with serving(tmp_path, *flags, env={"SERVE_KEY": KEY}) as running:
        seen = set()
        while running.process.poll() is None and "ready;" not in running.stderr:
            for each in running.processes():
                try:
                    seen.add(tuple(each.cmdline()))
                except psutil.Error:
                    continue
        if running.process.poll() is None:
            running.interrupt()
        running.end()
        assert any("api_server" in " ".join(words) for words in seen)
        assert KEY not in repr(seen)
        assert KEY not in running.stdout
        assert KEY not in running.stderr
        if scorer != "die":  # that one writes it into its own log by itself
            assert KEY not in running.everything_written()


def test_a_dry_run_starts_nothing_and_shows_no_key(tmp_path, both):
    with serving(
        tmp_path, *both(api_key_env="SERVE_KEY"), "--dry-run", env={"SERVE_KEY": KEY}, fake=False
    ) as dry:
        assert dry.end() == 0
        assert dry.stdout.count("vllm.entrypoints.openai.api_server") == 2
        assert 'VLLM_API_KEY="$SERVE_KEY"' in dry.stdout
        assert "omega annotate" in dry.stdout
        assert KEY not in dry.everything_written()
        assert not (tmp_path / "serve_logs").exists()
