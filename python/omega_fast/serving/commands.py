"""Servers for as long as some commands run: what a job of a cluster, or a stage of a pipeline, wants of them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from omega_fast.errors import ConfigError
from omega_fast.serving.plan import Plan
from omega_fast.serving.run import serve

__all__ = ["PARTIAL", "Ran", "RanCommand", "serve_while"]

_LOOK_EVERY = 0.2
_OURS = "omega"
_NOT_FOUND = 127

PARTIAL = 3
"""The code of a command that set something aside; the next one is run."""


@dataclass(frozen=True, slots=True)
class RanCommand:
    """A command that has ended.

    Attributes:
        command: Its words.
        code: What it ended with; a negative one is the signal that ended it.
        result: The JSON object that it printed, if it printed one and nothing else.
    """

    command: tuple[str, ...]
    code: int
    result: Any = None


@dataclass(slots=True)
class Ran:
    """How it went: the commands that ran, and whether all of them did.

    Attributes:
        commands: In order; the first that fails is the last.
        ready: Whether the servers answered.
        complete: Whether all commands ran and none failed.
        seconds: From start to end.
    """

    commands: list[RanCommand] = field(default_factory=list)
    ready: bool = False
    complete: bool = False
    seconds: float = 0.0

    @property
    def code(self) -> int:
        """The code of the first that failed; 130 where they were interrupted; 3 if one set something aside."""
        if self.complete:
            return max((each.code for each in self.commands), default=0)
        code = self.commands[-1].code if self.commands else 0
        return code if code > 0 else 130

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "ready": self.ready,
            "seconds": self.seconds,
            "complete": self.complete,
            "commands": [{"command": list(each.command), "code": each.code} for each in self.commands],
            "results": {str(at): each.result for at, each in enumerate(self.commands, 1)},
        }


def serve_while(
    plan: Plan,
    commands: Sequence[Sequence[str]],
    *,
    stop: threading.Event,
    say: Callable[[str], None] = lambda _: None,
) -> Ran:
    """Start servers, run commands one after the other once all answer, stop the servers.

    What commands write to stdout goes to stderr in the end, unless it is a JSON object, which is kept; `omega` is this
    installation's. If a server ends, the command that runs is interrupted.

    Args:
        plan: The servers.
        commands: Each with its arguments.
        stop: Set, the command that runs is interrupted and the servers are stopped.
        say: Told what happens, in words.

    Raises:
        ConfigError: A command is empty, or something is in the way of the servers.
        BackendError: vLLM is missing, or a server ended, did not answer in time or answered wrongly.
    """
    if not all(commands):
        raise ConfigError("a command is empty", hint="write it as for a shell, in quotes")
    ran = Ran()
    ends = threading.Event()
    runner = threading.Thread(target=_run_all, args=(ran, commands, stop, ends, say), daemon=True)

    def begin() -> None:
        ran.ready = True
        runner.start()

    try:
        ran.seconds = serve(plan, stop=stop, on_ready=begin, say=say).seconds
    finally:
        ends.set()
        if runner.is_alive():
            runner.join(plan.grace_period + 1)
    return ran


def _run_all(
    ran: Ran,
    commands: Sequence[Sequence[str]],
    stop: threading.Event,
    ends: threading.Event,
    say: Callable[[str], None],
) -> None:
    try:
        for command in commands:
            if stop.is_set() or ends.is_set():
                return
            say(f"running {' '.join(command)}")
            code, result = _run(command, stop, ends)
            ran.commands.append(RanCommand(tuple(command), code, result))
            if code not in (0, PARTIAL):
                say(f"it ended with code {code}")
                return
        ran.complete = True
    finally:
        stop.set()


def _run(command: Sequence[str], stop: threading.Event, ends: threading.Event) -> tuple[int, Any]:
    words = [sys.executable, "-m", "omega_fast", *command[1:]] if command[0] == _OURS else list(command)
    with tempfile.TemporaryFile() as said:
        try:
            child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=said)  # noqa: S603 - as it was given
        except OSError as error:
            sys.stderr.write(f"cannot run {words[0]}: {error.strerror or error}\n")
            return _NOT_FOUND, None
        interrupted = False
        while True:
            try:
                code = child.wait(_LOOK_EVERY)
                break
            except subprocess.TimeoutExpired:
                if (stop.is_set() or ends.is_set()) and not interrupted:
                    interrupted = True
                    child.send_signal(signal.SIGINT)
        said.seek(0)
        text = said.read().decode("utf-8", "replace")
    try:
        return code, json.loads(text)
    except ValueError:
        sys.stderr.write(text)
        return code, None
