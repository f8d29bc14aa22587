"""One worker process and the deadline that is kept on it: asked, answered, or killed and replaced."""

from __future__ import annotations

import math
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from omega_fast.errors import ConfigError
from omega_fast.records import Verdict
from omega_fast.verifiers.frames import HEADER_BYTES, body_length, decode, encode

__all__ = ["Limits", "Reply", "Sandbox"]

_START_SECONDS = 120.0
_MAX_REPLY_BYTES = 1 << 20
# Where programs and libraries lie; nothing else of the environment, which may hold keys, is handed on.
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one check may use: seconds on the clock, kept by the parent, and bytes of address space."""

    deadline_s: float = 5.0
    memory_bytes: int = 1 << 30

    def __post_init__(self) -> None:
        if not (math.isfinite(self.deadline_s) and self.deadline_s > 0):
            raise ConfigError(
                f"verifier deadline must be positive, not {self.deadline_s}", hint="give seconds, such as 5"
            )


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of one check; `detail` says why, always where the verdict is `timeout` or `crash`.

    `value` is what the check computed, if it says so.
    """

    verdict: Verdict
    detail: str = ""
    value: str | None = None


class _LateError(Exception):
    """The deadline passed."""


class _GoneError(Exception):
    """The process ended or broke the protocol."""


class Sandbox:
    """A worker process that runs one check function, started when first needed and replaced when it dies.

    One thread asks; `close` may come from another and ends a check in progress.

    Args:
        check: The function, as `module:function`; imported in the worker alone.
        limits: Deadline and memory of one check.
    """

    def __init__(self, check: str, limits: Limits) -> None:
        self._check = check
        self._limits = limits
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._fingerprint = ""
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The process id of the living worker."""
        process = self._process
        return None if process is None else process.pid

    def start(self) -> str:
        """Start the worker if there is none and return the hash of its check's source.

        Raises:
            ConfigError: The check cannot be imported, or the worker did not come up.
        """
        if self._process is not None:
            return self._fingerprint
        process = self._spawn()
        try:
            message = _receive(process, time.monotonic() + _START_SECONDS)
        except (_LateError, _GoneError) as error:
            message = {"error": str(error)}
        if "ready" not in message:
            self._kill()
            raise ConfigError(
                f"cannot load verifier {self._check}: {message.get('error')}",
                hint="check that its module is on the Python path and imports within the memory limit",
            )
        self._fingerprint = str(message["ready"])
        return self._fingerprint

    def ask(self, request: Mapping[str, Any]) -> Reply:
        """Run the check on one request; returns within the deadline, counted from a started worker."""
        try:
            self.start()
        except ConfigError as error:
            return Reply(Verdict.CRASH, error.message)
        process = self._process
        if process is None:
            return Reply(Verdict.CRASH, "closed")
        deadline = time.monotonic() + self._limits.deadline_s
        try:
            _send(process, encode(request), deadline)
            message = _receive(process, deadline)
        except _LateError:
            self._kill()
            return Reply(Verdict.TIMEOUT, f"no verdict after {self._limits.deadline_s:g} s")
        except _GoneError as error:
            code = self._kill()
            over = code == -signal.SIGXCPU
            return Reply(Verdict.TIMEOUT if over else Verdict.CRASH, str(error))
        if message.get("exit"):
            self._kill()
        if "verdict" in message:
            return Reply(Verdict(message["verdict"]), message.get("detail", ""), message.get("value"))
        return Reply(Verdict.CRASH, str(message.get("error")))

    def close(self) -> None:
        """Kill the worker; nothing is started after this."""
        with self._lock:
            self._closed = True
        self._kill()

    def _spawn(self) -> subprocess.Popen[bytes]:
        arguments = [str(self._limits.memory_bytes), str(math.ceil(self._limits.deadline_s)), self._check]
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        environment |= {
            "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path),
            "PYTHONHASHSEED": "0",
            "PYTHONSAFEPATH": "1",
            "LC_ALL": "C.UTF-8",
            "OMP_NUM_THREADS": "1",
        }
        with self._lock:
            if self._closed:
                raise ConfigError("the verifier is closed", hint="submit before closing")
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter, this package
                [sys.executable, "-m", "omega_fast.verifiers.worker", *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
                bufsize=0,
                # A session of its own: ^C does not reach it, and a kill takes what it started along.
                start_new_session=True,
            )
            for stream in (self._process.stdin, self._process.stdout):
                assert stream is not None
                os.set_blocking(stream.fileno(), False)
            return self._process

    def _kill(self) -> int | None:
        """Kill the worker's session, reap it, and return how it ended; negative for a signal."""
        with self._lock:
            process, self._process = self._process, None
            if process is None:
                return None
            code = process.poll()
            if code is None:
                os.killpg(process.pid, signal.SIGKILL)
                code = process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()
            return code


def _send(process: subprocess.Popen[bytes], frame: bytes, deadline: float) -> None:
    view = memoryview(frame)
    while view:
        descriptor = _open_descriptor(process.stdin)
        _wait(descriptor, select.POLLOUT, deadline)
        try:
            view = view[os.write(descriptor, view[:65536]) :]
        except BlockingIOError:
            continue
        except OSError as error:
            raise _GoneError("worker died") from error


def _receive(process: subprocess.Popen[bytes], deadline: float) -> dict[str, Any]:
    header = _read(process, HEADER_BYTES, deadline)
    length = body_length(header)
    if length > _MAX_REPLY_BYTES:
        raise _GoneError(f"reply of {length} bytes")
    return decode(_read(process, length, deadline))


def _read(process: subprocess.Popen[bytes], n_bytes: int, deadline: float) -> bytes:
    data = b""
    while len(data) < n_bytes:
        descriptor = _open_descriptor(process.stdout)
        _wait(descriptor, select.POLLIN, deadline)
        try:
            chunk = os.read(descriptor, n_bytes - len(data))
        except BlockingIOError:
            continue
        except OSError as error:
            raise _GoneError("worker died") from error
        if not chunk:
            raise _GoneError("worker died")
        data += chunk
    return data


def _open_descriptor(stream: IO[bytes] | None) -> int:
    """The stream's descriptor; another thread may have closed it together with the verifier."""
    assert stream is not None
    try:
        return stream.fileno()
    except ValueError as error:
        raise _GoneError("closed") from error


def _wait(descriptor: int, event: int, deadline: float) -> None:
    left = deadline - time.monotonic()
    poller = select.poll()
    poller.register(descriptor, event)
    if left <= 0 or not poller.poll(left * 1000):
        raise _LateError("no answer in time")
