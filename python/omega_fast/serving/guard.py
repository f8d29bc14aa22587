"""The process between `omega serve` and one server, which sees that nothing of that server outlives it.

It runs as a file, on the standard library and psutil alone: `guard.py DESCRIPTOR GRACE COMMAND...`. It leads a session
and process group of its own, and takes in every descendant that loses its parent (Linux). It ends the server

* when the other end of DESCRIPTOR, a pipe, is closed, which also the SIGKILL of `omega serve` does, or says `stop`:
  SIGTERM, GRACE seconds, SIGKILL;
* when the pipe says `kill`: SIGKILL at once.

Whatever is left a second after the server has ended is killed. The exit code is the server's, or 128 and the signal
that ended it. If the guard itself is killed, the server gets SIGTERM.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

import psutil

__all__ = ["KILL", "STOP", "main"]

STOP = b"s"
KILL = b"k"

_SET_PDEATHSIG = 1
_SET_CHILD_SUBREAPER = 36
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_TIDYING_SECONDS = 1.0
_CLEARING_SECONDS = 10.0


def main(arguments: Sequence[str]) -> int:
    """Run a server to its end; the exit code."""
    descriptor, grace, command = int(arguments[0]), float(arguments[1]), list(arguments[2:])
    _process_control(_SET_CHILD_SUBREAPER, 1)
    # Signals arrive as bytes in a pipe, so that one wait sees them, the end of a child, and `omega serve`.
    woken, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    for number in (*_SIGNALS, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    server = subprocess.Popen(  # noqa: S603 - what omega serve planned
        command,
        stdin=subprocess.DEVNULL,
        preexec_fn=_dies_with(os.getpid()),  # noqa: PLW1509 - this process has one thread
    )
    _watch(server, descriptor, woken, grace)
    _clear(server)
    code = server.returncode
    return code if code >= 0 else 128 - code


def _watch(server: subprocess.Popen[bytes], orders: int, woken: int, grace: float) -> None:
    """Return once the server has ended, or has to be killed."""
    sources = [orders, woken]
    deadline: float | None = None
    while server.poll() is None:
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            return
        ready, _, _ = select.select(sources, [], [], left)
        wants_stop = False
        if orders in ready:
            said = os.read(orders, 64)
            if KILL in said:
                return
            wants_stop = True
            if not said:
                sources.remove(orders)  # closed: it stays readable for ever
        if woken in ready:
            wants_stop |= any(number in _SIGNALS for number in os.read(woken, 64))
        if wants_stop and deadline is None:
            deadline = time.monotonic() + grace
            server.send_signal(signal.SIGTERM)


def _clear(server: subprocess.Popen[bytes]) -> None:
    """Kill and reap the server and all its descendants, also those that left its process group."""
    started = time.monotonic()
    # Python's own helper removes what a process left in shared memory; it needs a moment after its end.
    patience = _TIDYING_SECONDS if server.poll() is not None else 0.0
    while not _reaped_all(server) and time.monotonic() < started + _CLEARING_SECONDS:
        if time.monotonic() >= started + patience:
            for each in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    each.kill()
        time.sleep(0.02)


def _reaped_all(server: subprocess.Popen[bytes]) -> bool:
    """Reap what has ended; whether no child is left."""
    if server.poll() is None:
        return False
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return True
    return False


def _dies_with(guard: int) -> Callable[[], None]:
    def ask() -> None:
        for number in (*_SIGNALS, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        _process_control(_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != guard:
            os._exit(1)

    return ask


def _process_control(option: int, value: int) -> None:
    """Linux's prctl; elsewhere only the process tree and the pipe keep order."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
