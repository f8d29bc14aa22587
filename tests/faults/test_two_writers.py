import fcntl
import multiprocessing
import os
import socket
import subprocess
import sys
from pathlib import Path

import orjson
import psutil
import pytest

from omega_fast.errors import RunLockedError
from tests.store.helpers import open_run, values, write_values


def owner(**changes: object) -> bytes:
    process = psutil.Process()
    named = {
        "pid": process.pid,
        "host": socket.gethostname(),
        "started": process.create_time(),
        "token": "00",
    }
    return orjson.dumps({**named, **changes})


def dead_pid() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_a_second_writer_in_this_process_is_refused(tmp_path):
    with open_run(tmp_path / "run"), pytest.raises(RunLockedError, match=f"process {os.getpid()} on "):
        open_run(tmp_path / "run")


def _open(path: Path, told: multiprocessing.Queue) -> None:
    try:
        open_run(path).close()
    except RunLockedError as error:
        told.put(str(error))
    else:
        told.put("opened")


def test_a_second_process_is_refused_and_told_who_writes(tmp_path):
    context = multiprocessing.get_context("spawn")
    told = context.Queue()
    with open_run(tmp_path / "run"):
        child = context.Process(target=_open, args=(tmp_path / "run", told))
        child.start()
        message = told.get(timeout=60)
        child.join()
    assert f"process {os.getpid()} on {socket.gethostname()}, which is running" in message


def test_a_lock_is_gone_after_closing(tmp_path):
    open_run(tmp_path / "run").close()
    assert not (tmp_path / "run" / "lock").exists()


def test_the_lock_of_a_dead_process_is_taken_over_and_reported(tmp_path):
    write_values(tmp_path / "run", 2)
    pid = dead_pid()
    (tmp_path / "run" / "lock").write_bytes(owner(pid=pid))
    with open_run(tmp_path / "run") as run:
        assert run.recovery.stale_lock is not None
        assert run.recovery.stale_lock.pid == pid
    assert values(tmp_path / "run") == [0, 1]


def test_a_lock_whose_process_id_now_belongs_to_another_process_is_taken_over(tmp_path):
    write_values(tmp_path / "run", 2)
    (tmp_path / "run" / "lock").write_bytes(owner(started=1.0))
    with open_run(tmp_path / "run") as run:
        assert run.recovery.stale_lock is not None


def test_the_lock_of_a_living_process_is_respected_without_flock(tmp_path):
    write_values(tmp_path / "run", 2)
    (tmp_path / "run" / "lock").write_bytes(owner())
    with pytest.raises(RunLockedError, match="which is running"):
        open_run(tmp_path / "run")


def test_the_lock_of_another_machine_is_refused_with_the_way_to_force_it(tmp_path):
    write_values(tmp_path / "run", 2)
    (tmp_path / "run" / "lock").write_bytes(owner(host="elsewhere"))
    with pytest.raises(RunLockedError, match=r"on elsewhere.*\n.*delete .*lock"):
        open_run(tmp_path / "run")


@pytest.mark.parametrize("content", [b"", b'{"pid": 1', b"[]", b"\xff\x00"])
def test_a_lock_whose_owner_died_before_naming_itself_is_taken_over(tmp_path, content):
    write_values(tmp_path / "run", 2)
    (tmp_path / "run" / "lock").write_bytes(content)
    write_values(tmp_path / "run", 1, start=2)
    assert values(tmp_path / "run") == [0, 1, 2]


def test_a_lock_still_held_by_a_child_of_a_dead_process_is_refused_with_that_reason(tmp_path):
    write_values(tmp_path / "run", 2)
    lock = tmp_path / "run" / "lock"
    lock.write_bytes(owner(pid=dead_pid()))
    with lock.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(RunLockedError, match="held by a child of process"):
            open_run(tmp_path / "run")


def _contend(path: Path, start: multiprocessing.Barrier, won: multiprocessing.Queue) -> None:
    start.wait()
    try:
        run = open_run(path)
    except RunLockedError:
        won.put(False)
        start.wait()
    else:
        won.put(True)
        start.wait()
        run.close()


def test_of_many_that_find_a_stale_lock_one_takes_it(tmp_path):
    write_values(tmp_path / "run", 2)
    (tmp_path / "run" / "lock").write_bytes(owner(pid=dead_pid()))
    context = multiprocessing.get_context("spawn")
    start, won = context.Barrier(4), context.Queue()
    children = [context.Process(target=_contend, args=(tmp_path / "run", start, won)) for _ in range(4)]
    for child in children:
        child.start()
    winners = [won.get(timeout=60) for _ in children]
    for child in children:
        child.join()
    assert winners.count(True) == 1
