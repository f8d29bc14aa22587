"""A log kept by another thread: order, failure, and what leaving the block promises."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

import pytest

from omega_fast.errors import StoreError
from omega_fast.store import RunDirectory
from omega_fast.store.log_thread import LogThread


class Kept:
    """A log in memory that may fail at a record, or wait for leave to go on."""

    def __init__(self, *, fails_at: int = -1, leave: threading.Event | None = None) -> None:
        self.records: list[tuple[str, Mapping[str, Any]]] = []
        self.threads: set[int] = set()
        self.committed = 0
        self._fails_at = fails_at
        self._leave = leave

    def append(self, kind: str, body: Mapping[str, Any]) -> None:
        if self._leave is not None:
            assert self._leave.wait(30)
        if len(self.records) == self._fails_at:
            raise StoreError("the disk is full", hint="make room")
        self.threads.add(threading.get_ident())
        self.records.append((kind, body))

    def commit(self) -> None:
        self.committed = len(self.records)


def _append(log: LogThread, count: int, then: Exception | None = None) -> None:
    for number in range(count):
        log.append("k", {"number": number})
        log.tick()
    if then is not None:
        raise then


def test_records_arrive_in_the_order_they_were_appended():
    kept = Kept()
    with LogThread(kept) as log:
        for number in range(1000):
            log.append("k", {"number": number})
            if number % 7 == 0:
                log.tick()
    assert [body["number"] for _, body in kept.records] == list(range(1000))
    assert kept.threads.isdisjoint({threading.get_ident()})


def test_whoever_appends_does_not_wait_for_the_disk():
    leave = threading.Event()
    kept = Kept(leave=leave)
    with LogThread(kept) as log:
        _append(log, 100)
        assert kept.records == []
        leave.set()
    assert len(kept.records) == 100


def test_what_came_over_is_committed_without_a_further_record():
    kept = Kept()
    with LogThread(kept) as log:
        _append(log, 64)
        give_up = time.monotonic() + 30
        while kept.committed < 64 and time.monotonic() < give_up:
            time.sleep(0.001)
        assert kept.committed == 64


def test_a_failure_is_heard_at_the_next_call_and_nothing_after_it_is_kept():
    kept = Kept(fails_at=3)
    with pytest.raises(StoreError, match="the disk is full"), LogThread(kept) as log:
        _append(log, 100_000)
    assert [body["number"] for _, body in kept.records] == [0, 1, 2]


def test_a_failure_of_the_last_records_is_heard_on_leaving():
    with pytest.raises(StoreError, match="the disk is full"), LogThread(Kept(fails_at=0)) as log:
        log.append("k", {})


def test_what_was_appended_before_an_error_of_another_kind_is_kept():
    kept = Kept()
    with pytest.raises(KeyError), LogThread(kept) as log:
        _append(log, 1, then=KeyError())
    assert len(kept.records) == 1


def test_after_the_block_a_run_can_commit_all_of_it(tmp_path):
    with RunDirectory.open_or_create(tmp_path / "run", identity={}, extensible={}, operational={}) as run:
        before = run.acknowledged
        with LogThread(run) as log:
            _append(log, 500)
        run.commit()
        assert run.acknowledged == before + 500
    numbers = [each.body["number"] for each in RunDirectory.read(tmp_path / "run").records({"k"})]
    assert numbers == list(range(500))
