"""A damaged log is named, or it changes nothing; never is a run silently another one."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from omega_fast.errors import StoreDamagedError
from omega_fast.jobs import replay, status
from omega_fast.store import verify
from tests.engine.fakes import questions
from tests.engine.runs import annotated, artifacts


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("damaged") / "run"
    annotated(folder, asked=questions(3, solutions=1))
    return folder


@pytest.mark.parametrize("seed", range(40))
def test_a_flipped_bit_of_the_log_is_named_and_nothing_is_made_from_it(tmp_path, run, seed):
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    log = copy / "log" / "000001.jsonl"
    data = bytearray(log.read_bytes())
    bit = random.Random(seed).randrange(8 * len(data))
    data[bit // 8] ^= 1 << bit % 8
    log.write_bytes(data)
    assert str(log) in verify(copy).damage
    for job in (replay, status):
        with pytest.raises(StoreDamagedError, match="000001"):
            job(copy)
    with pytest.raises(StoreDamagedError, match="000001"):
        annotated(copy, asked=questions(3, solutions=1))
    assert artifacts(copy) == artifacts(run)
    assert bytes(data) == log.read_bytes()


@pytest.mark.parametrize("share", [0.2, 0.7, 0.999])
def test_a_log_cut_short_behind_the_manifests_back_is_refused(tmp_path, run, share):
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    log = copy / "log" / "000001.jsonl"
    data = log.read_bytes()
    log.write_bytes(data[: int(share * len(data))])
    with pytest.raises(StoreDamagedError, match="shorter than the manifest says"):
        annotated(copy, asked=questions(3, solutions=1))
    assert artifacts(copy) == artifacts(run)
