"""A run directory opened for writing: the one object through which a run leaves anything behind."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from omega_fast.errors import StoreDamagedError, StoreError
from omega_fast.store.base import LinePlace, RecoveryReport, SegmentReach, StoreOptions
from omega_fast.store.files import FileSystem, LocalFileSystem, naming, safe_name
from omega_fast.store.lines import decode
from omega_fast.store.lock import RunLock
from omega_fast.store.manifest import Configuration, Manifest, package_version, read_manifest, write_manifest
from omega_fast.store.quarantine import write_quarantine
from omega_fast.store.segments import LogWalk
from omega_fast.store.view import RunView
from omega_fast.store.writer import LogWriter

__all__ = ["RunDirectory"]


class RunDirectory(RunView):
    """A run that this process alone may write.

    Records are buffered by `append` and acknowledged by `commit`, which comes by itself once a group is full
    or old enough; call `tick` now and then so that a lone record does not wait. After a failed write every
    later call raises; what was acknowledged is kept, and the same call of `open_or_create` resumes.

    Attributes:
        recovery: What opening it found and mended.
    """

    @classmethod
    def open_or_create(
        cls,
        path: Path,
        *,
        identity: Mapping[str, Any],
        defaults: Mapping[str, Any] | None = None,
        extensible: Mapping[str, Any] | None = None,
        operational: Mapping[str, Any] | None = None,
        fingerprints: Mapping[str, Any] | None = None,
        on_trial: bool = False,
        options: StoreOptions | None = None,
        files: FileSystem | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> Self:
        """Open the run at `path` for writing, or begin it.

        The log is checked from end to end. On an existing run, changes of `extensible` and `operational` and
        new `fingerprints` are recorded in the log; `None` leaves them. If the run is `on_trial`, they are
        recorded by `accept` alone, so that a start that is refused for another reason leaves no trace. What a
        run's identity does not name has the value in `defaults`, if it is there.

        Raises:
            InputError: If the configuration is not JSON.
            RunConflictError: If the run has another identity or fingerprint; each field is named.
            RunLockedError: If another process is writing it.
            StoreDamagedError: If the log is not what was acknowledged.
            StoreError: If `path` is something else, or cannot be written.
        """
        wanted = Configuration(identity, extensible or {}, operational or {}, fingerprints or {}).normalised()
        files = files or LocalFileSystem()
        log = path / "log"
        with naming(path):
            if path.is_dir() and not log.is_dir() and any(path.iterdir()):
                raise StoreError(
                    f"{path} is neither a run nor empty", hint="choose another folder for the run"
                )
            log.mkdir(parents=True, exist_ok=True)
            files.sync_folder(path.parent)
        lock = RunLock(path / "lock", files)
        try:
            found = _find(path, wanted, defaults or {})
            has = found.manifest.configuration
            if extensible is None:
                wanted = replace(wanted, extensible=has.extensible)
            if operational is None:
                wanted = replace(wanted, operational=has.operational)
            configuration, changes = has.succeed(wanted)
            waits = on_trial and bool(changes) and found.walk.records > 0
            manifest = Manifest(has if waits else configuration, tuple(found.walk.reached), package_version())
            recovery = RecoveryReport(
                created=found.created,
                records=found.walk.records,
                torn_tail=found.walk.torn_tail,
                stale_lock=lock.stale,
                manifest_rebuilt=found.rebuilt,
            )
            run = cls(
                path,
                manifest=manifest,
                recovery=recovery,
                lock=lock,
                options=options or StoreOptions(),
                files=files,
                clock=clock,
            )
        except BaseException:
            lock.release()
            raise
        try:
            # The log comes first: a manifest can be rebuilt from it, and not the other way round.
            run._waiting = (configuration, changes) if waits else None
            if not waits and (changes or not recovery.records):
                run._record(configuration, changes)
            run._save_reach(run._writer.reached)
        except BaseException:
            run._release()
            raise
        return run

    @staticmethod
    def read(path: Path) -> RunView:
        """The run at `path` for reading, without a lock. Raises `StoreError` if there is none."""
        view = RunView(path)
        if not view.manifest_path.is_file():
            raise StoreError(f"{path} is not a run directory: it has no manifest.json", hint="check the path")
        return view

    def __init__(
        self,
        path: Path,
        *,
        manifest: Manifest,
        recovery: RecoveryReport,
        lock: RunLock,
        options: StoreOptions,
        files: FileSystem,
        clock: Callable[[], float],
    ) -> None:
        super().__init__(path)
        self.recovery = recovery
        self._written = manifest
        self._waiting: tuple[Configuration, list[str]] | None = None
        self._lock = lock
        self._files = files
        self._writer = LogWriter(
            self.log_path,
            manifest.segments,
            save_reach=self._save_reach,
            options=options,
            files=files,
            clock=clock,
        )

    @property
    def manifest(self) -> Manifest:
        """The manifest, with the log's reach as it is now."""
        return self._written.with_segments(self._writer.reached)

    @property
    def acknowledged(self) -> int:
        """How many records are durable: all with a smaller number."""
        return self._writer.acknowledged

    @property
    def next_place(self) -> LinePlace:
        """Where the record that is appended next will stand; there once it is acknowledged."""
        return self._writer.next_place

    def accept(self) -> None:
        """Record the settings of a run opened on trial. Raises `StoreError` if writing has failed."""
        if self._waiting is not None:
            configuration, changes = self._waiting
            self._waiting = None
            self._record(configuration, changes)
            self._written = replace(self._written, configuration=configuration)
            self._save_reach(self._writer.reached)

    def append(self, kind: str, body: Mapping[str, Any]) -> None:
        """Add a record; durable once acknowledged.

        Raises:
            InputError: If `body` holds anything but JSON values and valid Unicode, or `kind` is not a plain
                name; nothing is added, and the run goes on.
            StoreError: If writing has failed, now or before.
        """
        self._writer.append(kind, body)

    def tick(self) -> None:
        """Commit if the oldest buffered record has waited long enough. Raises `StoreError` like `commit`."""
        self._writer.tick()

    def commit(self) -> None:
        """Make everything appended durable. Raises `StoreError` if writing has failed, now or before."""
        self._writer.commit()

    def quarantine(self, rows: Iterable[Mapping[str, object]]) -> None:
        """Keep the rows of an input that cannot be used, e.g. `{"line": 3, "reason": "no answer"}`.

        They take the place of those that an earlier read of the input left, which may have been mended since.

        Raises:
            StoreError: If they cannot be written.
        """
        write_quarantine(self._files, self.quarantine_path, rows)

    def export_path(self, name: str) -> Path:
        """A path for a result, always directly inside `export/`, whatever `name` is. Creates the folder.

        Raises:
            StoreError: If the folder cannot be created.
        """
        folder = self.path / "export"
        with naming(folder):
            folder.mkdir(exist_ok=True)
        return folder / safe_name(name)

    def close(self) -> None:
        """Commit, note in the manifest how far the log reaches, and release the lock. May be called twice.

        Raises:
            StoreError: If the last commit or the manifest cannot be written; the lock is released anyway.
        """
        try:
            if not self._writer.stopped:
                self._writer.commit()
                self._save_reach(self._writer.reached)
        finally:
            self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _release(self) -> None:
        self._writer.close()
        self._lock.release()

    def _record(self, configuration: Configuration, changes: Sequence[str]) -> None:
        body = {**asdict(configuration), "changes": list(changes), "package": self._written.package}
        self.append("config", body)
        self.commit()

    def _save_reach(self, reached: Sequence[SegmentReach]) -> None:
        write_manifest(self._files, self.manifest_path, self._written.with_segments(reached))


@dataclass(frozen=True, slots=True)
class _Found:
    """What was at the path before this process wrote anything."""

    manifest: Manifest
    walk: LogWalk
    created: bool
    rebuilt: bool


def _find(path: Path, wanted: Configuration, defaults: Mapping[str, Any]) -> _Found:
    present = (path / "manifest.json").exists()
    manifest = read_manifest(path / "manifest.json") if present else Manifest(wanted)
    if present:
        manifest = manifest.with_defaults(defaults)
        manifest.configuration.succeed(wanted)  # a conflict is told before a long walk
    walk = LogWalk(path / "log", manifest.promised)
    last_config: bytes | None = None
    for last_config in walk.payloads({"config"}):  # noqa: B007 - the last one is used below
        pass
    if present or not walk.records:
        return _Found(manifest, walk, created=not present, rebuilt=False)
    if last_config is None:
        raise StoreDamagedError(
            f"{path / 'manifest.json'} is missing, and the log has no configuration to rebuild it from",
            hint="restore it from a copy, or start a new run",
        )
    body = decode(last_config).body
    configuration = Configuration(**{name: body[name] for name in Configuration.__slots__})
    return _Found(Manifest(configuration).with_defaults(defaults), walk, created=False, rebuilt=True)
