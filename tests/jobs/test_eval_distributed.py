"""Two processes under torchrun give what one gives."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from omega_fast.errors import ConfigError
from omega_fast.jobs.ranks import Ranks, ranks
from tests.eval.stubs import located, read, write
from tests.processes import omega

ROOT = Path(__file__).parents[2]
SCORER = "tests.eval.stubs:hashed"


def asked(rows, output):
    return ["eval", "processbench", str(rows), "--prm", SCORER, "-o", str(output), "--json"]


def by_torchrun(arguments):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    return subprocess.run(
        [*command, "omega_fast", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )


def test_two_processes_share_the_work_and_find_what_one_finds(tmp_path):
    labels = [[-1, 0, 2][at % 3] for at in range(150)]
    bad = {**located(151, 0), "steps": ["TOO LONG"]}
    path = write(tmp_path / "rows.jsonl", [*(located(at, label) for at, label in enumerate(labels)), bad, {}])
    one = omega(*asked(path, tmp_path / "one"))
    two = by_torchrun(asked(path, tmp_path / "two"))
    assert one.returncode == 3, one.stderr
    assert two.returncode == 0, "torchrun would take the code for rows that were set aside for a crash"
    assert len(two.stdout.splitlines()) == 1, "one process speaks for all"
    told = [json.loads(each.stdout) for each in (one, two)]
    assert told[0]["results"] == told[1]["results"]
    assert told[0]["quarantined"] == told[1]["quarantined"] == 2
    for name in ("rows.jsonl", "rows.jsonl.quarantine.jsonl"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    parts = [read(tmp_path / "two" / f"scores-{rank}.jsonl")[1:] for rank in (0, 1)]
    assert [len(part) for part in parts] == [76, 75]
    again = omega(*asked(path, tmp_path / "two"))
    assert json.loads(again.stdout)["results"] == told[0]["results"]
    assert len(read(tmp_path / "two/scores-0.jsonl")) == 77, "one process goes on with what two have scored"


def test_a_process_alone_needs_no_torchrun(monkeypatch):
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    with ranks() as here:
        assert here == Ranks(0, 1)
        here.wait_for_all()


@pytest.mark.parametrize(("rank", "size"), [("2", "2"), ("-1", "2"), ("a", "2"), ("0", "0")])
def test_numbers_that_name_no_process_are_refused(monkeypatch, rank, size):
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setenv("WORLD_SIZE", size)
    with pytest.raises(ConfigError, match="name no process"), ranks():
        pass
