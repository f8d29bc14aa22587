"""Reading the log: numbered segment files, walked in order with every line checked against its chain."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from omega_fast.errors import StoreDamagedError
from omega_fast.store.base import LinePlace, SegmentReach, TornTail
from omega_fast.store.compression import read_compressed
from omega_fast.store.files import naming
from omega_fast.store.lines import (
    FIRST_CHAIN,
    SEAL_BYTES,
    check_lines,
    holds_whole_line,
    kind_of,
    payload_of,
)

if TYPE_CHECKING:
    from omega_fast._core import LogLines

__all__ = ["LogWalk", "compressed_path", "list_segments", "payload_at", "segment_path"]

_BLOCK = 1 << 20
_NAME = re.compile(r"(\d{6,})\.jsonl(\.zst)?")
_COPY = "restore the file from a copy, or start a new run"


def segment_path(folder: Path, index: int) -> Path:
    """Where segment `index` is written."""
    return folder / f"{index:06d}.jsonl"


def compressed_path(folder: Path, index: int) -> Path:
    """Where segment `index` may be kept once it is closed."""
    return folder / f"{index:06d}.jsonl.zst"


def list_segments(folder: Path) -> dict[int, Path]:
    """The segment files of a log by number, ascending; of a segment kept in both forms, the plain one."""
    paths = sorted(folder.iterdir(), reverse=True) if folder.is_dir() else []
    found = {int(match[1]): path for path in paths if (match := _NAME.fullmatch(path.name))}
    return dict(sorted(found.items()))


def payload_at(folder: Path, segment: int, offset: int) -> bytes:
    """The payload of the line that begins at a byte of a segment that is not compressed.

    Raises:
        StoreDamagedError: There is no line as it was written.
        StoreError: The segment cannot be read.
    """
    path = segment_path(folder, segment)
    with naming(path, "read"), path.open("rb") as file:
        file.seek(offset)
        line = file.readline()
    payload = payload_of(line)
    if payload is None:
        raise StoreDamagedError(f"{path} has no line at byte {offset}", hint=_COPY)
    return payload


@dataclass(slots=True)
class LogWalk:
    """One pass over a log, segment after segment, that trusts no line it has not checked.

    Attributes:
        folder: The log's folder.
        promised: How far the manifest says each segment reaches, by number.
        reached: How far this pass came in each segment it has left; all but the last are closed.
        torn_tail: An unfinished last line, if the pass met one.
    """

    folder: Path
    promised: Mapping[int, SegmentReach]
    reached: list[SegmentReach] = field(default_factory=list)
    torn_tail: TornTail | None = None

    @property
    def records(self) -> int:
        """Good lines in the segments this pass has left."""
        return sum(reach.lines for reach in self.reached)

    @property
    def chain(self) -> bytes:
        """The chain after the last of them."""
        return bytes.fromhex(self.reached[-1].chain) if self.reached else FIRST_CHAIN

    def payloads(self, kinds: Collection[str] | None = None) -> Iterator[bytes]:
        """Yield the payload of each line in order, or of each whose record is of one of these kinds.

        Raises:
            StoreDamagedError: At the first line, file or missing file that is not as it was written.
        """
        for lines in self.batches():
            yield from lines.payloads(kinds if kinds is None else list(kinds))

    def placed(self, kinds: Collection[str]) -> Iterator[tuple[LinePlace, bytes]]:
        """Yield place and payload of each line whose record is of one of these kinds. Raises like `payloads`."""
        number = segment = offset = 0
        for lines in self.batches():
            if segment <= len(self.reached):
                segment, offset = len(self.reached) + 1, 0
            for payload in lines.payloads():
                if kind_of(payload) in kinds:
                    yield LinePlace(number, segment, offset), payload
                number += 1
                offset += len(payload) + SEAL_BYTES

    def batches(self, *, responses: bool = False) -> Generator[LogLines]:
        """Yield the lines in order, many at once; with what records of responses say, if asked for.

        Raises:
            StoreDamagedError: At the first line, file or missing file that is not as it was written.
        """
        segments = list_segments(self.folder)
        final = max([*segments, *self.promised], default=0)
        for index in range(1, final + 1):
            if index not in segments:
                raise StoreDamagedError(f"{segment_path(self.folder, index)} is missing", hint=_COPY)
            yield from self._segment(index, segments[index], last=index == final, responses=responses)

    def _segment(self, index: int, path: Path, *, last: bool, responses: bool) -> Generator[LogLines]:
        chain, lines, size, rest = self.chain, 0, 0, b""
        promise = self.promised.get(index)
        try:
            with closing(_read_blocks(path)) as blocks:
                for block in blocks:
                    rest += block
                    limited = True
                    while limited:
                        most = _lines_before_promise(promise, lines)
                        batch = check_lines(rest, chain, most, responses=responses)
                        count, length, chain, damage = batch.reach
                        lines, size, rest = lines + count, size + length, rest[length:]
                        if promise is not None and lines == promise.lines and chain.hex() != promise.chain:
                            raise _damaged(
                                path, lines, 0, "is not the line that the manifest saw", last=False
                            )
                        if count:
                            yield batch
                        if damage is not None:
                            raise _damaged(path, lines + 1, size, damage, last=last)
                        limited = count == most
            if rest:
                self._take_tail(path, lines + 1, size, rest, chain, last=last)
        finally:
            self.reached.append(SegmentReach(index, lines, size, chain.hex(), closed=not last))
        if promise is not None:
            _check_promise(path, promise, lines, size)

    def _take_tail(self, path: Path, line: int, size: int, tail: bytes, chain: bytes, *, last: bool) -> None:
        if not last:
            raise _damaged(path, line, size, "has no end", last=False)
        if holds_whole_line(tail, chain):
            raise _damaged(path, line, size, "has a damaged end", last=True)
        self.torn_tail = TornTail(str(path), line, len(tail))


def _lines_before_promise(promise: SegmentReach | None, lines: int) -> int:
    """How many lines to check at once, so that the last one promised is looked at alone."""
    if promise is None or lines >= promise.lines:
        return sys.maxsize
    return max(1, promise.lines - 1 - lines)


def _check_promise(path: Path, promise: SegmentReach, lines: int, size: int) -> None:
    if lines < promise.lines:
        raise StoreDamagedError(
            f"{path} is shorter than the manifest says: {lines} of {promise.lines} lines, "
            f"{size} of {promise.bytes} bytes",
            hint=_COPY,
        )
    if promise.closed and lines > promise.lines:
        raise StoreDamagedError(f"{path} goes on after line {promise.lines}, where it was closed", hint=_COPY)


def _damaged(path: Path, line: int, size: int, why: str, *, last: bool) -> StoreDamagedError:
    manifest = path.parent.parent / "manifest.json"
    # The manifest would hold on to what is given up; it is rebuilt from the log.
    give_up = (
        f"; to give up this line and all after it: truncate -s {size} {path} && rm {manifest}" if last else ""
    )
    return StoreDamagedError(f"{path} line {line}: {why}", hint=f"restore the file from a copy{give_up}")


def _read_blocks(path: Path) -> Generator[bytes]:
    with naming(path, "read"):
        if path.suffix != ".zst":
            try:
                file = path.open("rb", buffering=0)
            except FileNotFoundError:  # the writer may just have compressed it
                path = path.with_name(path.name + ".zst")
            else:
                with file:
                    while block := file.read(_BLOCK):
                        yield block
                return
        yield from read_compressed(path, _BLOCK)
