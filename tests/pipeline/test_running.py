import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from omega_fast.errors import StoreError
from omega_fast.pipeline.running import run_command, wait_for_former

SLEEPER = """
import signal, sys, threading
from pathlib import Path
from omega_fast.pipeline import running
running._program = lambda words: [sys.executable, "-c", *words]
here = Path(sys.argv[1])
running.run_command([sys.argv[2]], here / "out", stop=threading.Event(), on_started=lambda *_: None)
"""


@pytest.fixture
def python(monkeypatch):
    """Commands are Python programs here."""
    monkeypatch.setattr("omega_fast.pipeline.running._program", lambda words: [sys.executable, "-c", *words])

    def run(program: str, output: Path, stop: threading.Event | None = None):
        started = []
        ended = run_command(
            [program],
            output,
            stop=stop or threading.Event(),
            on_started=lambda *process: started.append(process),
        )
        return ended, started[0]

    return run


def test_what_a_command_prints_goes_to_the_file_and_its_code_comes_back(python, tmp_path):
    ended, _ = python("print('said'); raise SystemExit(7)", tmp_path / "out")
    assert ended.code == 7
    assert (tmp_path / "out").read_text() == "said\n"


def test_processor_time_counts_the_processes_that_a_command_starts(python, tmp_path):
    burn = "import time; t = time.process_time()\nwhile time.process_time() - t < 0.4: pass"
    ended, _ = python(
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}])", tmp_path / "o"
    )
    assert ended.cpu_seconds > 0.4


def test_a_stop_asks_the_command_to_end_and_waits_for_it(python, tmp_path):
    stop = threading.Event()
    threading.Timer(1.0, stop.set).start()
    program = (
        "import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(130))\n"
        "print('ready', flush=True)\nwhile True: time.sleep(.05)"
    )
    ended, _ = python(program, tmp_path / "out", stop)
    assert ended.code in (130, 143)  # 143 if the signal came before the handler was there


def test_a_command_does_not_outlive_a_killed_pipeline(tmp_path):
    program = (
        f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(100)"
    )
    parent = subprocess.Popen([sys.executable, "-c", SLEEPER, str(tmp_path), program])
    while not ((tmp_path / "pid").exists() and (tmp_path / "pid").read_text()):
        time.sleep(0.05)
    child = psutil.Process(int((tmp_path / "pid").read_text()))
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    child.wait(timeout=30)


def test_the_process_of_a_killed_pipeline_is_waited_for(python, tmp_path):
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1)"])
    threading.Thread(target=sleeper.wait).start()
    wait_for_former((sleeper.pid, psutil.Process(sleeper.pid).create_time()))
    assert sleeper.poll() is not None
    wait_for_former((os.getpid(), 0.0))  # another process with that number
    wait_for_former(None)


def test_an_output_that_cannot_be_written_is_said(python, tmp_path):
    with pytest.raises(StoreError, match="cannot write"):
        python("pass", tmp_path / "none" / "out")
