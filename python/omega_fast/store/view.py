"""A run as its readers see it: no lock, nothing written, usable while another process writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from omega_fast.errors import StoreDamagedError, StoreError
from omega_fast.store.base import Record, VerifyReport
from omega_fast.store.lines import decode, kind_of
from omega_fast.store.manifest import Manifest, read_manifest
from omega_fast.store.segments import LogWalk

if TYPE_CHECKING:
    from omega_fast._core import LogLines

__all__ = ["RunView", "verify"]


class RunView:
    """A run directory opened for reading.

    Layout: `manifest.json`, `lock`, `log/000001.jsonl` and so on, `quarantine.jsonl`, `export/`. The log is
    the only truth; all the rest can be rebuilt from it.

    Args:
        path: The run directory.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def manifest_path(self) -> Path:
        """Where the manifest is."""
        return self.path / "manifest.json"

    @property
    def log_path(self) -> Path:
        """The folder of the log's segments."""
        return self.path / "log"

    @property
    def quarantine_path(self) -> Path:
        """The rows that could not be used, as JSON Lines; missing if there are none."""
        return self.path / "quarantine.jsonl"

    @property
    def manifest(self) -> Manifest:
        """The manifest as it stands now."""
        return read_manifest(self.manifest_path)

    def records(self, kinds: Collection[str] | None = None) -> Iterator[Record]:
        """Yield the durable records in order, as far as the last complete line.

        Args:
            kinds: Only these; all if `None`.

        Raises:
            StoreDamagedError: At the first damaged place.
        """
        for payload in LogWalk(self.log_path, self.manifest.promised).payloads(kinds):
            yield decode(payload)

    def responses(self) -> Iterator[LogLines]:
        """Yield the durable records in order as `search.recorded` takes them, many at once.

        While some are being used, a thread reads and checks the next.

        Raises:
            StoreDamagedError: At the first damaged place.
        """
        batches = LogWalk(self.log_path, self.manifest.promised).batches(responses=True)
        with closing(batches), ThreadPoolExecutor(1, "log reader") as reader:
            coming = reader.submit(next, batches, None)
            while (lines := coming.result()) is not None:
                coming = reader.submit(next, batches, None)
                yield lines


def verify(path: Path) -> VerifyReport:
    """Walk the whole run at `path`, checking every line, and say what is there and what is damaged.

    Raises:
        StoreError: If there is no run at `path`.
    """
    log = path / "log"
    if not log.is_dir():
        raise StoreError(f"{path} is not a run directory: it has no log", hint="check the path")
    damage = ""
    try:
        promised = read_manifest(path / "manifest.json").promised
    except StoreError as error:
        promised, damage = {}, str(error)
    walk = LogWalk(log, promised)
    kinds: Counter[str] = Counter()
    try:
        kinds.update(map(kind_of, walk.payloads()))
    except StoreDamagedError as error:
        damage = damage or str(error)
    return VerifyReport(walk.records, dict(kinds), tuple(walk.reached), walk.torn_tail, damage)
