"""A running server: started behind its guard, asked whether it lives, stopped, and its log read."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from omega_fast.backends.openai_key import ApiKey
from omega_fast.errors import ConfigError
from omega_fast.serving.guard import KILL, STOP
from omega_fast.serving.plan import KEY_VARIABLE, ServerPlan

__all__ = ["Server", "end_of_log", "kill_all", "stop_all"]

_GUARD = Path(__file__).with_name("guard.py")
_TAIL_BYTES = 32768
_SLACK_SECONDS = 15.0
"""What a guard may take beyond the grace period, to kill and reap what is left."""


class Server:
    """One server behind its guard, from the moment it is started.

    Args:
        plan: What to start.
        key: What it asks for; handed over in its environment.
        grace: Seconds between SIGTERM and SIGKILL once it is to stop.

    Raises:
        ConfigError: The log file cannot be written.
    """

    def __init__(self, plan: ServerPlan, key: ApiKey, grace: float) -> None:
        self.plan = plan
        self.started = time.monotonic()
        self._key = key
        self._grace = grace
        self._code: int | None = None
        self._orders: int | None = None
        with _opened_log(plan) as log:
            self._log_start = log.tell()
            reader, self._orders = os.pipe()
            try:
                self._guard = subprocess.Popen(  # noqa: S603 - this interpreter, this package
                    [sys.executable, "-P", str(_GUARD), str(reader), str(grace), *plan.command],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env={**os.environ, **plan.environment, **key.environment(KEY_VARIABLE)},
                    pass_fds=(reader,),
                    # A session and process group of its own: the terminal's ^C does not reach it.
                    start_new_session=True,
                )
            finally:
                os.close(reader)

    @property
    def pid(self) -> int:
        """The process group."""
        return self._guard.pid

    def ended(self) -> int | None:
        """Its exit code, 128 and the number for a signal; `None` while it runs."""
        if self._code is None:
            ended = os.waitid(os.P_PID, self._guard.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is not None:
                # Before the number is free again, should the guard have been killed with the server alive.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._guard.pid, signal.SIGKILL)
                code = self._guard.wait()
                self._code = code if code >= 0 else 128 - code
                self._close_orders()
        return self._code

    def log_lines(self, most: int) -> list[str]:
        """The last lines of its log since it was started, without the key."""
        return end_of_log(self.plan.log, self._log_start, self._key, most)

    def order(self, what: bytes) -> None:
        """Tell the guard to `STOP` or to `KILL`."""
        if self._orders is not None:
            with contextlib.suppress(OSError):
                os.write(self._orders, what)

    def wait(self, seconds: float) -> bool:
        """Whether it has ended within so many seconds."""
        deadline = time.monotonic() + seconds
        while self.ended() is None:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.05)
        return True

    def kill_group(self) -> None:
        """The last resort: SIGKILL to the process group, guard included."""
        if self.ended() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._guard.pid, signal.SIGKILL)
            self.wait(_SLACK_SECONDS)

    def _close_orders(self) -> None:
        if self._orders is not None:
            os.close(self._orders)
            self._orders = None


def stop_all(servers: Sequence[Server], grace: float) -> None:
    """Ask all servers to end, and kill what has not after `grace` seconds. A `KeyboardInterrupt` kills at once."""
    for server in servers:
        server.order(STOP)
    deadline = time.monotonic() + grace + _SLACK_SECONDS
    for server in servers:
        server.wait(max(0.0, deadline - time.monotonic()))
    kill_all(servers)


def kill_all(servers: Sequence[Server]) -> None:
    """Kill all servers that still run, with all their descendants."""
    for server in servers:
        server.order(KILL)
    for server in servers:
        if not server.wait(_SLACK_SECONDS):
            server.kill_group()


def end_of_log(path: Path, start: int, key: ApiKey, most: int) -> list[str]:
    """The last lines of a file that are not blank, from byte `start` on, without the key."""
    try:
        with path.open("rb") as file:
            first = max(start, file.seek(0, os.SEEK_END) - _TAIL_BYTES)
            file.seek(first)
            if first > start:
                file.readline()  # half a line may hold half a key
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return []
    lines = [line.rstrip() for line in key.scrubbed(text).splitlines() if line.strip()]
    return lines[-most:]


def _opened_log(plan: ServerPlan) -> BinaryIO:
    try:
        plan.log.parent.mkdir(parents=True, exist_ok=True)
        log = plan.log.open("ab")
    except OSError as error:
        raise ConfigError(
            f"{plan.part}: log file {plan.log} cannot be written: {error.strerror}", hint="set --log-dir"
        ) from error
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    log.write(f"{now} omega serve starts {plan.name} on port {plan.port}\n".encode())
    log.flush()
    return log
