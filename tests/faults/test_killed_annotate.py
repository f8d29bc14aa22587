"""A run that is killed again and again ends where an uninterrupted one does."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from omega_fast.jobs import status
from omega_fast.store import verify
from tests.engine.runs import draws, exports, records
from tests.faults.annotator import with_a_spent_budget, with_the_fake_engine, with_the_policy
from tests.processes import forked


def kill(annotate: Callable[..., None], run: Path, *rest: float, after: float) -> bool:
    """Start a run and kill it `after` seconds past its first new record; whether that was in time."""
    before = _log_bytes(run)
    child = forked(annotate, run, *rest)
    child.start()
    while _log_bytes(run) == before and child.is_alive():
        time.sleep(0.002)
    child.join(after)
    child.kill()
    child.join()
    assert child.exitcode in (0, -signal.SIGKILL)
    return child.exitcode != 0


def _log_bytes(run: Path) -> int:
    return sum(path.stat().st_size for path in (run / "log").glob("*"))


def _kill_again_and_again(
    annotate: Callable[..., None], folder: Path, *rest: float, times: int, within: float
) -> int:
    """Kill a run at random moments, then let it end; how many kills were in time."""
    annotate(folder / "whole")
    chance = random.Random(20240613)
    run = folder / "run"
    killed = seen = 0
    for _ in range(times):
        killed += kill(annotate, run, *rest, after=chance.uniform(0.0, within))
        if (run / "manifest.json").exists():  # the log comes first
            assert verify(run).ok
            kept = sum(draws(run).values())
            assert kept >= seen
            seen = kept
    annotate(run)
    assert status(run).complete
    assert exports(run) == exports(folder / "whole")
    assert set(draws(run).values()) == {1}
    assert {path.name for path in run.iterdir()} == {path.name for path in (folder / "whole").iterdir()}
    return killed


def test_a_run_killed_twenty_times_ends_with_the_labels_of_an_uninterrupted_one(tmp_path):
    killed = _kill_again_and_again(with_the_fake_engine, tmp_path, 0.002, times=20, within=0.08)
    assert killed >= 5


def test_a_run_of_the_shipped_policy_killed_twenty_times_ends_with_the_same_labels(tmp_path):
    pytest.importorskip("torch")
    assert _kill_again_and_again(with_the_policy, tmp_path, times=20, within=0.2) >= 5


def test_a_run_killed_while_its_budget_runs_out_loses_nothing_and_keeps_to_it(tmp_path):
    with_the_fake_engine(tmp_path / "whole")
    chance = random.Random(5)
    run = tmp_path / "run"
    killed = seen = 0
    for limit in range(600, 3000, 200):
        killed += kill(with_a_spent_budget, run, 0.002, limit, after=chance.uniform(0.0, 0.06))
        if not (run / "manifest.json").exists():
            continue
        kept = sum(draws(run).values())
        assert kept >= seen
        assert sum(each.body["n_tokens"] for each in records(run, "rollout")) <= limit
        seen = kept
    with_the_fake_engine(run)
    assert exports(run) == exports(tmp_path / "whole")
    assert set(draws(run).values()) == {1}
    assert killed >= 3
