"""The job behind `omega grounded root`: problems in, `root.json` out, with what could not be used beside it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any, Literal

from omega_fast.errors import BackendError, OmegaError
from omega_fast.grounded.calls import CallLog
from omega_fast.grounded.chat import GoneError
from omega_fast.grounded.opening import open_asker
from omega_fast.grounded.roots import InvalidRootError, ModelRoots, RootWriter, RuledRoots, root_row
from omega_fast.grounded.settings import GroundedSettings
from omega_fast.grounded.tasks import LEDGER, Task, read_tasks
from omega_fast.store.files import LocalFileSystem
from omega_fast.store.formats.files import write_rows
from omega_fast.store.quarantine import write_quarantine
from omega_fast.tasks.base import Fault
from omega_fast.tasks.ledger import Skin, Split

__all__ = ["RootSummary", "Writer", "quarantine_path", "write_roots"]

Writer = Literal["auto", "model", "rules"]

_WINDOW = 4
"""Problems read ahead, for each request in flight."""


@dataclass(frozen=True, slots=True)
class RootSummary:
    """What became of the problems; `roots` and `quarantined` add up to `read`.

    Attributes:
        path: The file of roots.
        read: Problems and unreadable records of the source.
        roots: Rows that were written.
        quarantined: What was set aside.
        reasons: Why, and how often, the most frequent first.
        quarantine: The file that names them; `None` if there are none.
        calls: Answers asked for in this session, and found in the log, by role.
        complete: Whether the job came to its end.
    """

    path: Path
    read: int
    roots: int
    quarantined: int
    reasons: Mapping[str, int]
    quarantine: Path | None
    calls: Mapping[str, int]
    complete: bool

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "path": str(self.path),
            "read": self.read,
            "roots": self.roots,
            "quarantined": self.quarantined,
            "reasons": dict(self.reasons),
            "quarantine": None if self.quarantine is None else str(self.quarantine),
            "calls": dict(self.calls),
            "complete": self.complete,
        }


def write_roots(
    source: str,
    output: Path,
    settings: GroundedSettings,
    *,
    writer: Writer = "auto",
    most: int | None = None,
    split: Split = "train",
    skin: Skin = "plain",
    seed: int = 0,
    stop: Event | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> RootSummary:
    """Make roots of the problems of a source.

    Answers are kept in a folder beside the output, `NAME.calls`: the same call goes on where it was left. What was set
    aside for its answers is set aside again; another seed asks for others.

    Args:
        source: `ledger`, a folder as MATH has it, or a question file.
        output: The file to write, `root.json`.
        settings: Who plays the policy, which writes roots.
        writer: `rules` need no model; `auto` takes them for the embedded task.
        most: Files or rows to read at most.
        split: Of the embedded task.
        skin: Of the embedded task.
        seed: Of the job.
        stop: Set, it ends the job when what is in flight has come back; what was answered is kept.
        on_progress: Told how many problems are done.

    Raises:
        InputError: The source holds no problems.
        ConfigError: No model plays the policy, or its settings cannot work.
        BackendError: The model is gone; what was answered is kept.
        StoreError: Something cannot be written.
    """
    faults: list[Fault] = []
    tasks = list(read_tasks(source, faults.append, most=most, split=split, skin=skin, seed=seed))
    ruled = writer == "rules" or (writer == "auto" and source == LEDGER)
    if not ruled:
        settings.role("policy")
    output.parent.mkdir(parents=True, exist_ok=True)
    with CallLog(output.with_name(f"{output.name}.calls")) as log:
        job = _Job(log, stop or Event(), on_progress)
        asyncio.run(job.run(tasks, None if ruled else settings, seed))
        calls = dict(log.counts)
    rejected: list[Mapping[str, object]] = [
        *({"file": str(each.path), "line": each.line, "reason": each.reason} for each in faults),
        *(
            {"path": task.path, "reason": job.reasons[task.path]}
            for task in tasks
            if task.path in job.reasons
        ),
    ]
    rows = [job.rows[task.path] for task in tasks if task.path in job.rows]
    complete = len(rows) + len(job.reasons) == len(tasks)
    if complete:
        write_rows(output, rows)
    aside = quarantine_path(output)
    write_quarantine(LocalFileSystem(), aside, rejected)
    return RootSummary(
        output,
        len(tasks) + len(faults),
        len(rows),
        len(rejected),
        dict(Counter(str(each["reason"]) for each in rejected).most_common()),
        aside if rejected else None,
        calls,
        complete,
    )


def quarantine_path(output: Path) -> Path:
    """Where what could not be used is named."""
    return output.with_name(f"{output.stem}.quarantine.jsonl")


class _Job:
    """Many problems at once, in the order of the source as far as requests are free."""

    def __init__(self, log: CallLog, stop: Event, on_progress: Callable[[int], None] | None) -> None:
        self._log = log
        self._stop = stop
        self._on_progress = on_progress
        self._error: OmegaError | None = None
        self.rows: dict[str, Mapping[str, Any]] = {}
        self.reasons: dict[str, str] = {}

    async def run(self, tasks: Sequence[Task], settings: GroundedSettings | None, seed: int) -> None:
        """Write a root for each task; without settings by rules."""
        async with AsyncExitStack() as stack:
            roots: RootWriter = RuledRoots()
            width = _WINDOW
            if settings is not None:
                asker = open_asker(settings, "policy", self._log)
                stack.push_async_callback(asker.close)
                roots = ModelRoots(asker, seed)
                width = _WINDOW * settings.role("policy").in_flight
            free = asyncio.Semaphore(width)
            async with asyncio.TaskGroup() as group:
                for task in tasks:
                    await free.acquire()
                    if self._stop.is_set() or self._error is not None:
                        break
                    group.create_task(self._one(task, roots, free))
        if self._error is not None:
            raise self._error

    async def _one(self, task: Task, roots: RootWriter, free: asyncio.Semaphore) -> None:
        try:
            self.rows[task.path] = root_row(task, await roots.write(task))
            self._log.tick()
        except InvalidRootError as error:
            self.reasons[task.path] = str(error)
        except GoneError as error:
            self._error = self._error or BackendError(str(error), hint="the same command resumes the job")
        except OmegaError as error:
            self._error = self._error or error
        finally:
            free.release()
        if self._on_progress is not None:
            self._on_progress(len(self.rows) + len(self.reasons))
