"""A stage's command as a process of its own, which does not outlive this one."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import IO

import psutil

from omega_fast.serving import guard
from omega_fast.store.files import naming

__all__ = ["Ended", "run_command", "wait_for_former"]

_GUARD = Path(guard.__file__)
_GRACE_SECONDS = 60.0
"""What a command may take to come to an end once it is to stop, or once this process is gone."""

_POLL_SECONDS = 0.1
_CLOCK_DRIFT = 2.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended: its exit code, and what it took, with all processes that it started."""

    code: int
    seconds: float
    cpu_seconds: float


def run_command(
    words: Sequence[str], output: Path, *, stop: Event, on_started: Callable[[int, float], None]
) -> Ended:
    """Run a command to its end; what it prints goes to a file, what it says on stderr to this process's.

    A guard stands between: should this process be killed, the command gets SIGTERM, and SIGKILL a minute later.

    Args:
        words: The command; `omega` is this package under this interpreter.
        output: The file, written anew.
        stop: Once set, the command is asked to end by SIGTERM, and its end is waited for.
        on_started: Told the guard's process id and when it began.

    Raises:
        StoreError: The file cannot be written.
        KeyboardInterrupt: As it is raised here; the command is killed first.
    """
    began, cpu_before = time.monotonic(), _cpu_seconds()
    orders, writer = os.pipe()
    try:
        with naming(output), output.open("wb") as file:
            process = _started(_program(words), orders, file)
    except BaseException:
        os.close(writer)
        raise
    finally:
        os.close(orders)
    try:
        on_started(process.pid, psutil.Process(process.pid).create_time())
        told = False
        while process.poll() is None:
            if stop.is_set() and not told:
                told = True
                _order(writer, guard.STOP)
            time.sleep(_POLL_SECONDS)
    except BaseException:
        if process.poll() is None:
            _order(writer, guard.KILL)
            process.wait()
        raise
    finally:
        os.close(writer)
    return Ended(process.returncode, time.monotonic() - began, _cpu_seconds() - cpu_before)


def wait_for_former(process: tuple[int, float] | None) -> None:
    """Wait until the process that ran a stage for a pipeline that was killed has ended too."""
    while process is not None and _lives(*process):
        time.sleep(_POLL_SECONDS)


def _started(command: Sequence[str], orders: int, output: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - a recipe's omega command
        [sys.executable, "-P", str(_GUARD), str(orders), str(_GRACE_SECONDS), *command],
        stdin=subprocess.DEVNULL,
        stdout=output,
        pass_fds=(orders,),
        # A session of its own: a terminal's ^C reaches this process alone, which then tells the guard
        start_new_session=True,
    )


def _order(writer: int, what: bytes) -> None:
    with contextlib.suppress(OSError):  # it has ended already
        os.write(writer, what)


def _program(words: Sequence[str]) -> list[str]:
    """The command with this interpreter's programs in place of names."""
    if words[0] == "omega":
        return [sys.executable, "-m", "omega_fast", *words[1:]]
    beside = Path(sys.executable).with_name(words[0])
    return [str(beside) if beside.is_file() else words[0], *words[1:]]


def _lives(pid: int, started: float) -> bool:
    try:
        process = psutil.Process(pid)
        same: bool = abs(process.create_time() - started) < _CLOCK_DRIFT
        return same and process.status() != str(psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _cpu_seconds() -> float:
    """Processor time of all ended children, and of theirs."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
