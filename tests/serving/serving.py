"""`omega serve` as a process with a program in vLLM's place, and a look at everything it leaves behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

__all__ = ["FAKE", "Serving", "free_port", "serving"]

FAKE = Path(__file__).parent / "fake"
_MARK = "OMEGA_SERVE_TEST"


class Serving:
    """A running `omega serve`, its output so far, and the processes that descend from it."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path, mark: str) -> None:
        self.process = process
        self._folder = folder
        self._mark = mark
        self._seen: set[psutil.Process] = set()

    @property
    def stdout(self) -> str:
        return (self._folder / "stdout").read_text()

    @property
    def stderr(self) -> str:
        return (self._folder / "stderr").read_text()

    def log(self, name: str) -> str:
        return (self._folder / "serve_logs" / name).read_text()

    def everything_written(self) -> str:
        files = [path for path in self._folder.rglob("*") if path.is_file()]
        return "\n".join(path.read_text(errors="replace") for path in files)

    def processes(self) -> list[psutil.Process]:
        """All living processes that inherited this start's mark, or were once seen to descend from it.

        A process that sets its title, as vLLM's do, overwrites its mark.
        """
        for each in psutil.process_iter():
            with suppress(psutil.Error):
                if each.environ().get(_MARK) == self._mark:
                    self._seen.add(each)
        with suppress(psutil.Error):
            self._seen.update(psutil.Process(self.process.pid).children(recursive=True))
        return [each for each in self._seen if each.is_running() and _status(each) != psutil.STATUS_ZOMBIE]

    def guards(self) -> list[psutil.Process]:
        return [
            each for each in self.processes() if any(word.endswith("guard.py") for word in each.cmdline())
        ]

    def servers(self) -> list[psutil.Process]:
        """The programs in vLLM's place."""
        return [each for each in self.processes() if "api_server" in " ".join(each.cmdline()[:3])]

    def wait_for(self, text: str, seconds: float = 60.0) -> None:
        self.wait_until(lambda: text in self.stderr or self.process.poll() is not None, seconds)
        assert text in self.stderr, self.stderr

    def wait_until(self, holds: Callable[[], bool], seconds: float = 60.0) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, self.stderr
            time.sleep(0.05)

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def end(self, seconds: float = 60.0) -> int:
        return self.process.wait(seconds)


def _status(process: psutil.Process) -> str:
    try:
        return str(process.status())
    except psutil.Error:
        return str(psutil.STATUS_ZOMBIE)


@contextmanager
def serving(
    folder: Path, *flags: str, env: Mapping[str, str] | None = None, fake: bool = True
) -> Iterator[Serving]:
    """Start it in `folder`; whatever is left at the end is killed."""
    mark = uuid.uuid4().hex
    environment = {name: value for name, value in os.environ.items() if name != "VLLM_API_KEY"}
    environment |= {_MARK: mark, **(env or {})}
    if fake:
        environment["PYTHONPATH"] = str(FAKE)
    with (folder / "stdout").open("wb") as stdout, (folder / "stderr").open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "omega_fast", "serve", *flags],
            stdout=stdout,
            stderr=stderr,
            stdin=subprocess.DEVNULL,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
    started = Serving(process, folder, mark)
    try:
        yield started
    finally:
        for each in started.processes():
            with suppress(psutil.Error):
                each.kill()
        process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
