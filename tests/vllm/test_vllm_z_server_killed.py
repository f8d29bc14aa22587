"""A vLLM server that is killed under two runs and started again. The engine of the other tests is gone by then."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from omega_fast.jobs import annotate, replay, status
from omega_fast.store import verify
from tests.engine.runs import artifacts, draws, records
from tests.vllm.opened import SMALL_SEARCH, ledger_config
from tests.vllm.server import SERVED_NAME, VllmServer

pytestmark = pytest.mark.vllm

LIMIT = 30
SLOTS = 32
ROLLOUTS_BEFORE = 150
# Further tries until the waits of half a second, a second, two, ..., a minute add up to more than any start takes.
PATIENT, IMPATIENT = 30, 1
WITHIN_S = 900.0


@dataclass(frozen=True)
class Command:
    """`omega annotate` on the server, as a user starts it."""

    server: VllmServer
    run: Path
    retries: int

    def start(self) -> subprocess.Popen[str]:
        settings = {"limit": LIMIT, "slots": SLOTS, "retries": self.retries, **SMALL_SEARCH}
        flags = [
            part for name, value in settings.items() for part in ("--" + name.replace("_", "-"), str(value))
        ]
        return subprocess.Popen(
            [
                sys.executable, "-m", "omega_fast", "annotate", "--json", "--preset", "ledger",
                "--question-file", "ledger", "--model-type", "openai", "--model-name", SERVED_NAME,
                "--base-url", self.server.url, "--output-dir", str(self.run), *flags,
            ],
            env={name: value for name, value in os.environ.items() if not name.startswith("OMEGA_")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip

    def finish(self, process: subprocess.Popen[str]) -> Ended:
        said, told = process.communicate(timeout=WITHIN_S)
        return Ended(process.returncode, said, told, draws(self.run))


@dataclass(frozen=True)
class Ended:
    """What a command left: exit code, stdout, stderr, and how often each draw is in the log."""

    code: int
    stdout: str
    stderr: str
    draws: Counter[tuple[str, str, int]]


@dataclass(frozen=True)
class Story:
    """The ends of two runs whose server was killed.

    Attributes:
        whole: A run of the same settings that met no fault.
        patient: The run that waited for the server.
        at_kill: Its draws when the server was killed.
        stopped: What became of the other run.
        refused: The same command again, without a server.
        resumed: And again, with one.
    """

    folder: Path
    at_kill: Counter[tuple[str, str, int]]
    patient: Ended
    stopped: Ended
    refused: Ended
    resumed: Ended


def wait_for_draws(run: Path, process: subprocess.Popen[str]) -> None:
    while not (run / "manifest.json").exists() or sum(draws(run).values()) < ROLLOUTS_BEFORE:
        assert process.poll() is None, process.communicate()
        time.sleep(0.2)


@pytest.fixture(scope="module")
def story(server, served, tmp_path_factory) -> Story:
    folder = tmp_path_factory.mktemp("killed")
    annotate(ledger_config(folder / "whole", limit=LIMIT), backend=served)
    patient = Command(server, folder / "patient", PATIENT)
    impatient = Command(server, folder / "impatient", IMPATIENT)
    running = []
    try:
        for command in (patient, impatient):
            running.append(command.start())
        for command, process in zip((patient, impatient), running, strict=True):
            wait_for_draws(command.run, process)
        server.kill()
        at_kill = draws(patient.run)
        stopped = impatient.finish(running[1])
        refused = impatient.finish(impatient.start())
        took = server.start()
        told = patient.finish(running[0])
        running.append(impatient.start())
        resumed = impatient.finish(running[-1])
    finally:
        for process in running:
            process.kill()
            process.communicate()
    print(
        f"killed after {sum(at_kill.values())} and {sum(stopped.draws.values())} of {sum(told.draws.values())} "
        f"draws; the server was back after {took:.0f} s"
    )
    return Story(folder, at_kill, told, stopped, refused, resumed)


def sessions(run: Path) -> list[dict]:
    return [record.body for record in records(run, "session")]


def check_nothing_is_lost_or_doubled(run: Path, ended: Ended) -> None:
    assert ended.code == 0, ended.stderr
    summary = json.loads(ended.stdout)
    assert verify(run).ok
    assert set(ended.draws.values()) == {1}
    assert not records(run, "lost")
    assert summary["complete"]
    assert summary["finished"] == LIMIT
    assert summary["lost"] == 0
    assert summary["rollouts"] == len(ended.draws) == sum(each["rollouts"] for each in sessions(run))
    assert summary["rollouts"] == sum(summary["verdicts"].values())
    paid_twice = sum(each["engine"]["paid_twice"] for each in sessions(run))
    assert summary["paid_twice"] == paid_twice == status(run).paid_twice
    labels = artifacts(run)
    replay(run)
    assert artifacts(run) == labels


def test_a_run_that_waits_for_its_server_goes_on(story):
    check_nothing_is_lost_or_doubled(story.folder / "patient", story.patient)
    (session,) = sessions(story.folder / "patient")
    assert story.at_kill.keys() < story.patient.draws.keys()
    assert session["engine"]["retries"] >= session["engine"]["paid_twice"]
    # Each of the connections broke once.
    assert 0 < session["engine"]["paid_twice"] <= SLOTS
    print("counts of the run that waited:", session["engine"])


def test_a_run_that_does_not_wait_stops_and_resumes(story):
    assert story.stopped.code == story.refused.code == 7
    assert "is gone" in story.stopped.stderr
    assert "hint: look at it; the same command resumes the run" in story.stopped.stderr
    assert "no server answers at" in story.refused.stderr
    assert story.stopped.draws == story.refused.draws
    assert story.stopped.draws.keys() < story.resumed.draws.keys()
    check_nothing_is_lost_or_doubled(story.folder / "impatient", story.resumed)
    first, second = sessions(story.folder / "impatient")
    assert 0 < first["engine"]["paid_twice"] <= SLOTS
    assert second["engine"] == {"retries": 0, "paid_twice": 0}
    print("counts of the run that stopped:", first["engine"])


def test_labels_are_those_of_a_run_whose_server_lived(story):
    whole = artifacts(story.folder / "whole").splitlines()
    for name in ("patient", "impatient"):
        found = artifacts(story.folder / name).splitlines()
        equal = sum(one == other for one, other in zip(whole, found, strict=True))
        print(f"{name}: {equal} of {LIMIT} questions have the same tree, byte for byte")
        # Sums are rounded as batches fall, so now and then a draw that is nearly a tie falls the other way.
        assert equal >= 0.9 * LIMIT
