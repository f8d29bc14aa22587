"""The log read in blocks: the same lines however they fall into them, checked a thread ahead of their use."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from omega_fast.errors import StoreDamagedError
from omega_fast.store import RunDirectory, segments, verify
from omega_fast.store.lines import FIRST_CHAIN, check_lines
from omega_fast.store.segments import LogWalk, payload_at
from tests.store.helpers import small_segments, values, write_values


@pytest.mark.parametrize("block", [1, 7, 128, 1 << 20])
@pytest.mark.parametrize("compress", [False, True])
def test_lines_are_the_same_however_they_fall_into_blocks(tmp_path: Path, monkeypatch, block, compress):
    write_values(tmp_path / "run", 12, options=small_segments(compress=compress))
    before = verify(tmp_path / "run")
    monkeypatch.setattr(segments, "_BLOCK", block)
    assert values(tmp_path / "run") == list(range(12))
    assert verify(tmp_path / "run") == before


@pytest.mark.parametrize("block", [1, 1 << 20])
def test_lines_before_a_damaged_one_are_read_and_it_is_named(tmp_path: Path, monkeypatch, block):
    write_values(tmp_path / "run", 6)
    path = tmp_path / "run" / "log" / "000001.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[4] = lines[4].replace(b'"value"', b'"eulav"', 1)
    path.write_bytes(b"".join(lines))
    monkeypatch.setattr(segments, "_BLOCK", block)
    read = []
    with pytest.raises(StoreDamagedError, match="line 5: does not match its checksum"):
        read.extend(LogWalk(path.parent, {}).payloads())
    assert len(read) == 4


def test_only_the_kinds_asked_for_are_given(tmp_path: Path):
    write_values(tmp_path / "run", 3)
    walk = LogWalk(tmp_path / "run" / "log", {})
    assert [b'"kind":"config"' in payload for payload in walk.payloads({"config", "other"})] == [True]
    assert walk.records == 4


@pytest.mark.parametrize("block", [7, 1 << 20])
def test_each_line_is_found_where_the_walk_and_the_writer_say_it_stands(tmp_path: Path, monkeypatch, block):
    told = []
    with RunDirectory.open_or_create(
        tmp_path / "run", identity={}, options=small_segments(group_lines=4)
    ) as run:
        for number in range(40):
            told.append(run.next_place)
            run.append("value", {"value": "é" * (number % 5)})
            assert run.next_place.n == told[-1].n + 1
    monkeypatch.setattr(segments, "_BLOCK", block)
    log = tmp_path / "run" / "log"
    walked = list(LogWalk(log, {}).placed({"value"}))
    assert [place for place, _ in walked] == told
    assert len({place.segment for place in told}) > 2
    for place, payload in walked:
        assert payload_at(log, place.segment, place.offset) == payload


@pytest.mark.parametrize("shift", [-1, 1])
def test_a_place_where_no_line_begins_is_damage(tmp_path: Path, shift):
    write_values(tmp_path / "run", 3)
    log = tmp_path / "run" / "log"
    *_, (place, _) = LogWalk(log, {}).placed({"value"})
    for offset in (place.offset + shift, 1 << 30):
        with pytest.raises(StoreDamagedError, match="has no line at byte"):
            payload_at(log, 1, offset)


def test_a_reader_that_stops_early_leaves_no_thread(tmp_path: Path):
    write_values(tmp_path / "run", 12, options=small_segments())
    before = threading.active_count()
    batches = RunDirectory.read(tmp_path / "run").responses()
    next(batches)
    batches.close()
    assert threading.active_count() == before


def test_damage_reaches_whoever_takes_the_responses(tmp_path: Path):
    write_values(tmp_path / "run", 12, options=small_segments())
    path = sorted((tmp_path / "run" / "log").iterdir())[1]
    path.write_bytes(path.read_bytes().replace(b'"value"', b'"eulav"', 1))
    with pytest.raises(StoreDamagedError, match="000002"):
        list(RunDirectory.read(tmp_path / "run").responses())


def test_what_was_checked_says_how_far_it_reaches(tmp_path: Path):
    write_values(tmp_path / "run", 2)
    data = (tmp_path / "run" / "log" / "000001.jsonl").read_bytes()
    lines, length, chain, damage = check_lines(data + b"torn", FIRST_CHAIN).reach
    assert (lines, length, damage) == (3, len(data), None)
    assert check_lines(b"no line\n", chain).reach == (0, 0, chain, "does not end in a checksum")
