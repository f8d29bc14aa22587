"""A guided search that is killed again and again ends where an uninterrupted one does, and pays for nothing twice."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from omega_fast.store import RunDirectory, verify
from tests.faults.guided_searcher import searched
from tests.faults.test_killed_annotate import kill


@pytest.mark.parametrize("method", ["beam", "mcts"])
def test_a_search_killed_ten_times_ends_with_the_rows_of_an_uninterrupted_one(tmp_path, method):
    searched(tmp_path / "whole", 0.0, method)
    chance = random.Random(11)
    run = tmp_path / "run"
    killed = seen = 0
    for _ in range(10):
        killed += kill(searched, run, 0.002, method, after=chance.uniform(0.0, 0.1))
        if (run / "manifest.json").exists():
            assert verify(run).ok
            kept = draws(run).total()
            assert kept >= seen
            seen = kept
    searched(run, 0.0, method)
    assert (run / "rows.jsonl").read_bytes() == (tmp_path / "whole/rows.jsonl").read_bytes()
    assert set(draws(run).values()) == {1}
    assert draws(run) == draws(tmp_path / "whole")
    assert killed >= 3


def draws(run):
    records = RunDirectory.read(run).records({"draw", "scores"})
    return Counter(
        (each.kind, each.body["question"], each.body["state"], each.body.get("draw")) for each in records
    )
