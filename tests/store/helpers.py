"""What the tests of the store share: opening small runs, reading them back, a clock that is set by hand."""

from pathlib import Path
from typing import Any

from omega_fast.store import RunDirectory, StoreOptions
from omega_fast.store.files import LocalFileSystem

IDENTITY = {"method": "omega_prm", "search": {"k": 16, "alpha": 0.5}}


class UnsyncedFileSystem(LocalFileSystem):
    """Does not wait for the disk: no test cuts the power, and what a killed process wrote is kept."""

    def sync(self, descriptor: int) -> None:
        pass

    def sync_folder(self, path: Path) -> None:
        pass


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def open_run(path: Path, **settings: Any) -> RunDirectory:
    settings.setdefault("identity", IDENTITY)
    settings.setdefault("clock", Clock())
    settings.setdefault("files", UnsyncedFileSystem())
    return RunDirectory.open_or_create(path, **settings)


def small_segments(size: int = 600, **settings: Any) -> StoreOptions:
    return StoreOptions(segment_bytes=size, **settings)


def values(path: Path) -> list[int]:
    return [record.body["value"] for record in RunDirectory.read(path).records({"value"})]


def write_values(path: Path, count: int, *, start: int = 0, **settings: Any) -> None:
    with open_run(path, **settings) as run:
        for value in range(start, start + count):
            run.append("value", {"value": value, "text": f"step {value}\n\nπ"})
            run.commit()
