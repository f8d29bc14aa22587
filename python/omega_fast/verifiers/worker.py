"""The program of a worker process: reads requests from its standard input, checks them, writes verdicts back.

It runs as `python -m omega_fast.verifiers.worker MEMORY_BYTES CPU_SECONDS CHECK`, where CHECK names the
function that judges, as `module:function`. Its parent kills it at the deadline; the limits set here are the
second line.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import resource
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from omega_fast.records import Verdict
from omega_fast.verifiers.frames import encode, read_frame

__all__ = ["main"]

_LONGEST_TOLD = 10_000


def main() -> None:
    """Announce readiness, then answer one request after another until the input ends."""
    memory_bytes, cpu_seconds, name = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    requests, replies = _private_pipes()
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_AS, memory_bytes)
    try:
        check, fingerprint = _load(name)
    except BaseException as error:  # the parent turns whatever the import raised into its own error
        _send(replies, {"error": f"{type(error).__name__}: {error}"})
        return
    _send(replies, {"ready": fingerprint})
    while (request := read_frame(requests)) is not None:
        _limit_cpu(cpu_seconds)
        try:
            reply = _reply(check(**request))
        except (MemoryError, RecursionError) as error:
            # What ran out may be missing to the next request as well, so a fresh process takes over.
            _send(replies, {"error": type(error).__name__, "exit": True})
            return
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {str(error)[:200]}"}
        _send(replies, reply)


def _private_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The two pipes under new numbers; a check that prints or reads then touches nothing of the protocol."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.close(nothing)
    return requests, replies


def _load(name: str) -> tuple[Callable[..., Any], str]:
    """The function and a hash of its module's source, if it has one."""
    module_name, _, function_name = name.partition(":")
    # As with `python -m`: a module in the folder the user stands in is found.
    sys.path.insert(0, str(Path.cwd()))
    module = importlib.import_module(module_name)
    check = getattr(module, function_name)
    if not callable(check):
        raise TypeError(f"{name} is not a function")
    source = Path(module.__file__) if module.__file__ else None
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:12] if source and source.is_file() else ""
    return check, digest


def _reply(outcome: object) -> dict[str, Any]:
    """What a check returned: a bool, a verdict's name, or a mapping with `verdict` and perhaps `detail` and `value`."""
    if not isinstance(outcome, Mapping):
        return {"verdict": _verdict(outcome)}
    told = {
        name: str(outcome[name])[:_LONGEST_TOLD]
        for name in ("detail", "value")
        if outcome.get(name) is not None
    }
    return {"verdict": _verdict(outcome["verdict"]), **told}


def _verdict(outcome: object) -> str:
    if isinstance(outcome, bool):
        return Verdict.CORRECT if outcome else Verdict.WRONG
    return Verdict(str(outcome))


def _limit(kind: int, soft: int) -> None:
    _, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def _limit_cpu(seconds: int) -> None:
    """Allow this many more seconds of processor time: what is left of an orphan whose parent was killed."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _limit(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + seconds + 1)


def _send(stream: BinaryIO, message: dict[str, Any]) -> None:
    stream.write(encode(message))
    stream.flush()


if __name__ == "__main__":
    main()
