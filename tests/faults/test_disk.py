import errno
from pathlib import Path

import pytest

from omega_fast.errors import StoreError
from omega_fast.store import verify
from tests.faults.faulty import FaultyFileSystem
from tests.store.helpers import UnsyncedFileSystem, open_run, small_segments, values, write_values

COUNT = 16


def work(path: Path, files: FaultyFileSystem) -> tuple[int, str]:
    """Write a run; how many of its values were acknowledged, and what went wrong."""
    acknowledged = 0
    try:
        with open_run(path, options=small_segments(compress=True), files=files) as run:
            for value in range(COUNT):
                run.append("value", {"value": value, "text": "a step of some length\n\n"})
                if value % 2:
                    run.commit()
                    acknowledged = value + 1
    except StoreError as error:
        return acknowledged, str(error)
    return COUNT, ""


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("partial", [False, True])
@pytest.mark.parametrize("only", ["", "sync", "write"])
def test_a_fault_at_any_operation_stops_the_run_and_loses_nothing_acknowledged(tmp_path, code, partial, only):
    healthy = FaultyFileSystem(only=only)
    assert work(tmp_path / "healthy", healthy) == (COUNT, "")
    assert healthy.operations > 12
    for fail_at in range(1, healthy.operations + 1):
        path = tmp_path / str(fail_at)
        acknowledged, message = work(path, FaultyFileSystem(fail_at, code, partial=partial, only=only))
        assert str(path) in message
        assert "hint: " in message
        with open_run(path, options=small_segments(compress=True)) as run:
            kept = values(path)
            assert kept == list(range(len(kept)))
            assert len(kept) >= acknowledged
            for value in range(len(kept), COUNT):
                run.append("value", {"value": value})
        assert values(path) == list(range(COUNT))
        assert verify(path).ok


@pytest.mark.parametrize("partial", [False, True])
def test_a_fault_at_any_operation_of_a_recovery_loses_nothing(tmp_path, partial):
    def crashed(path: Path) -> Path:
        write_values(path, 5, extensible={"budget": 1})
        with (path / "log" / "000001.jsonl").open("ab") as file:
            file.write(b'{"n":6,')
        return path

    healthy = FaultyFileSystem()
    open_run(crashed(tmp_path / "healthy"), extensible={"budget": 2}, files=healthy).close()
    assert healthy.operations > 15
    for fail_at in range(1, healthy.operations + 1):
        path = crashed(tmp_path / str(fail_at))
        files = FaultyFileSystem(fail_at, errno.ENOSPC, partial=partial)
        with pytest.raises(StoreError, match="No space left"):
            open_run(path, extensible={"budget": 2}, files=files).close()
        open_run(path, extensible={"budget": 2}).close()
        assert values(path) == list(range(5))
        assert verify(path).ok


def test_a_failed_writer_stays_stopped_when_the_disk_recovers(tmp_path):
    files = FaultyFileSystem()
    run = open_run(tmp_path / "run", files=files)
    run.append("value", {"value": 0})
    run.commit()
    files.fail_at = files.operations + 1
    run.append("value", {"value": 1})
    with pytest.raises(StoreError, match="Input/output error"):
        run.commit()
    files.fail_at = 0
    for call in (run.commit, run.tick, lambda: run.append("value", {"value": 2})):
        with pytest.raises(StoreError, match="writing has stopped"):
            call()
    run.close()
    assert values(tmp_path / "run") == [0]


def test_lines_whose_sync_failed_are_not_left_to_be_built_upon(tmp_path):
    files = FaultyFileSystem(only="sync")
    run = open_run(tmp_path / "run", files=files)
    files.fail_at = files.operations + 1
    run.append("value", {"value": 1})
    with pytest.raises(StoreError):
        run.commit()
    run.close()
    assert values(tmp_path / "run") == []


def test_a_full_disk_is_told_with_what_to_do(tmp_path):
    files = FaultyFileSystem(code=errno.ENOSPC)
    with open_run(tmp_path / "run", files=files) as run:
        files.fail_at = files.operations + 1
        run.append("value", {"value": 1})
        with pytest.raises(StoreError, match="No space left on device\nhint: free some space"):
            run.commit()


def test_a_write_that_takes_a_few_bytes_at_a_time_loses_none(tmp_path):
    class Dribble(UnsyncedFileSystem):
        def write(self, descriptor: int, data: bytes) -> int:
            return super().write(descriptor, data[:7])

    write_values(tmp_path / "run", 10, files=Dribble())
    assert values(tmp_path / "run") == list(range(10))


def test_a_quarantine_that_cannot_be_written_is_told_and_can_be_tried_again(tmp_path):
    files = FaultyFileSystem(partial=True, only="write")
    with open_run(tmp_path / "run", files=files) as run:
        run.quarantine([{"line": 3}])
        files.fail_at = files.operations + 1
        with pytest.raises(StoreError, match=r"quarantine\.jsonl"):
            run.quarantine([{"line": 4}])
        assert run.quarantine_path.read_bytes() == b'{"line":3}\n'
        files.fail_at = 0
        run.quarantine([{"line": 4}])
        assert run.quarantine_path.read_bytes() == b'{"line":4}\n'
