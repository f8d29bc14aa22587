"""What is kept of each stage: with which command and inputs it was begun, and what came of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import orjson

from omega_fast.errors import InputError, StoreDamagedError
from omega_fast.store.files import LocalFileSystem, naming, write_atomically

__all__ = ["Digest", "StageRecord", "digest_of", "key_of", "read_record", "write_record"]

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Digest:
    """What a file or folder holds.

    Attributes:
        sha256: Of the content; of a folder, of its files' names and contents.
        files: How many files.
        size: Their bytes.
        newest_ns: When the last of them was written; while it and the size are the same, nothing is read again.
    """

    sha256: str
    files: int
    size: int
    newest_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRecord:
    """One stage as it was begun, and as it ended.

    Attributes:
        key: Hash of its command and inputs.
        command: Its words; folders are still `${name}`.
        inputs: Hash of the content by input: `stage/path` of earlier stages, paths of others.
        state: Whether it is done.
        starts: How often it was begun.
        process: The process that ran it last, and when that began: one that lives on is waited for.
        outputs: What it made.
        result: The object that the command printed.
        code: What it ended with: 0, or 3 where parts were set aside.
        seconds: How long its last start took.
        cpu_seconds: The processor time of that start.
        version: Of this package.
    """

    key: str
    command: tuple[str, ...]
    inputs: Mapping[str, str]
    state: Literal["begun", "done"]
    starts: int
    process: tuple[int, float] | None = None
    outputs: Mapping[str, Digest] = field(default_factory=dict)
    result: Mapping[str, Any] = field(default_factory=dict)
    code: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    version: str = ""


def key_of(command: tuple[str, ...], inputs: Mapping[str, str]) -> str:
    """The hash of a command with its inputs."""
    text = json.dumps([command, sorted(inputs.items())], ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def digest_of(path: Path, before: Digest | None = None) -> Digest:
    """What a file or folder holds; not read where number, size and time of its files are as `before`.

    Raises:
        InputError: It is not there.
        StoreError: It cannot be read.
    """
    with naming(path, "read"):
        if not path.exists():
            raise InputError(f"{path} is not there", hint="check the path")
        files = [(name, each, each.stat()) for name, each in _files(path)]
        size = sum(stat.st_size for *_, stat in files)
        newest = max((stat.st_mtime_ns for *_, stat in files), default=0)
        if before is not None and (before.files, before.size, before.newest_ns) == (len(files), size, newest):
            return before
        if path.is_file():
            return Digest(_sha256(path), 1, size, newest)
        digest = hashlib.sha256()
        for name, each, _ in files:
            digest.update(f"{json.dumps(name)} {_sha256(each)}\n".encode())
        return Digest(digest.hexdigest(), len(files), size, newest)


def read_record(path: Path) -> StageRecord | None:
    """The record in a file; `None` if there is no file.

    Raises:
        StoreDamagedError: It holds something else.
    """
    with naming(path, "read"):
        if not path.exists():
            return None
        data = path.read_bytes()
    try:
        row = orjson.loads(data)
        process = row.pop("process")
        return StageRecord(
            **{
                **row,
                "command": tuple(row["command"]),
                "process": None if process is None else (int(process[0]), float(process[1])),
                "outputs": {name: Digest(**each) for name, each in row["outputs"].items()},
            }
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreDamagedError(
            f"{path} is no record of a stage: {error}", hint="delete it and the stage's folder to run it anew"
        ) from error


def write_record(path: Path, record: StageRecord) -> None:
    """Write a record. Raises `StoreError` if that fails."""
    data = orjson.dumps(asdict(record), option=orjson.OPT_INDENT_2) + b"\n"
    write_atomically(LocalFileSystem(), path, data)


def _files(path: Path) -> Iterator[tuple[str, Path]]:
    """The files of a folder by their names in it, in order; or the one file."""
    if path.is_file():
        yield path.name, path
        return
    for each in sorted(path.rglob("*")):
        if each.is_file():
            yield each.relative_to(path).as_posix(), each


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
