import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from omega_fast.store import verify
from tests.store.helpers import open_run, values

ROOT = Path(__file__).parents[2]


def appending(run: Path, start: int, group: int) -> subprocess.Popen[bytes]:
    """Start the appender."""
    command = [sys.executable, "-m", "tests.faults.appender", str(run), str(start), str(group)]
    path = os.pathsep.join([str(ROOT / "python"), str(ROOT)])
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.PIPE)


def kill_while_appending(run: Path, start: int, group: int, after: float) -> int:
    """Start the appender, kill it `after` seconds past its first acknowledgement, return its last one."""
    with appending(run, start, group) as child:
        assert child.stdout is not None
        first = child.stdout.readline()
        time.sleep(after)
        child.send_signal(signal.SIGKILL)
        printed = first + child.stdout.read()
    assert child.returncode == -signal.SIGKILL
    whole = printed[: printed.rfind(b"\n") + 1].split()
    return int(whole[-1])


def test_nothing_acknowledged_is_lost_when_the_writer_is_killed_again_and_again(tmp_path):
    chance = random.Random(20240607)
    run = tmp_path / "run"
    start = 0
    for _ in range(25):
        acknowledged = kill_while_appending(run, start, chance.choice([1, 3, 64]), chance.uniform(0, 0.06))
        with open_run(run) as opened:
            assert opened.recovery.stale_lock is not None
            assert opened.recovery.records >= acknowledged
        kept = values(run)
        assert kept == list(range(len(kept)))
        assert verify(run).ok
        start = len(kept)
    assert start > 100


def test_a_reader_beside_a_living_writer_sees_a_log_that_only_grows(tmp_path):
    run = tmp_path / "run"
    with appending(run, 0, 2) as child:
        assert child.stdout is not None
        child.stdout.readline()
        threading.Thread(target=child.stdout.read, daemon=True).start()  # so that its pipe never fills
        seen = 0
        for _ in range(40):
            read = values(run)
            assert read == list(range(len(read)))
            assert len(read) >= seen
            seen = len(read)
        assert verify(run).ok
        child.kill()
    assert seen > 0
