"""The words of the store: records, how far a segment reaches, and what opening or verifying a run found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "FORMAT_VERSION",
    "LinePlace",
    "LockOwner",
    "Record",
    "RecoveryReport",
    "SegmentReach",
    "StoreOptions",
    "TornTail",
    "VerifyReport",
]

FORMAT_VERSION = 1
"""Version of the layout of a run directory and of the lines of its log."""


@dataclass(frozen=True, slots=True)
class Record:
    """One entry of the log.

    Attributes:
        n: Position in the run, from 0 and without gaps.
        kind: What it is about, e.g. `config`.
        body: The rest; JSON values only.
    """

    n: int
    kind: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LinePlace:
    """Where a line of the log begins.

    Attributes:
        n: Position of its record in the run, from 0.
        segment: Number of the segment, from 1.
        offset: Bytes of the segment before it.
    """

    n: int
    segment: int
    offset: int


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """How the log is written; none of it changes what can be read back.

    Attributes:
        group_lines: Buffered lines that force a commit.
        group_seconds: Age of the oldest buffered line, in seconds, that forces a commit.
        segment_bytes: Size at which a segment is closed and the next one begun.
        compress: Keep closed segments as zstd files; needs the `zstandard` package.
    """

    group_lines: int = 512
    group_seconds: float = 0.050
    segment_bytes: int = 64 << 20
    compress: bool = False


@dataclass(frozen=True, slots=True)
class SegmentReach:
    """How far a segment of the log reaches.

    Attributes:
        index: Number of the segment, from 1.
        lines: Lines in it.
        bytes: Their length, uncompressed.
        chain: Hash chain after its last line, in hex.
        closed: Nothing may follow; an open segment may since have grown.
    """

    index: int
    lines: int
    bytes: int
    chain: str
    closed: bool


@dataclass(frozen=True, slots=True)
class TornTail:
    """An unfinished last line: `bytes` bytes of `file` after its `line - 1` good ones."""

    file: str
    line: int
    bytes: int


@dataclass(frozen=True, slots=True)
class LockOwner:
    """A process that holds or held a run: id, host, start (seconds since the epoch) and a random token."""

    pid: int
    host: str
    started: float
    token: str


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """What opening a run for writing found and mended.

    Attributes:
        created: The run is new.
        records: Records found in the log.
        torn_tail: The unfinished last line that was cut off; it had never been acknowledged.
        stale_lock: The dead process whose lock was taken over.
        manifest_rebuilt: The manifest was missing and was rebuilt from the log.
    """

    created: bool
    records: int
    torn_tail: TornTail | None = None
    stale_lock: LockOwner | None = None
    manifest_rebuilt: bool = False


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What walking a whole run found.

    Attributes:
        records: Good records before the first damaged place.
        kinds: How many of each kind.
        segments: How far each segment was read.
        torn_tail: An unfinished last line: harmless, cut off when the run is next opened.
        damage: The first damaged place and what to do about it; empty if there is none.
    """

    records: int
    kinds: Mapping[str, int] = field(default_factory=dict)
    segments: tuple[SegmentReach, ...] = ()
    torn_tail: TornTail | None = None
    damage: str = ""

    @property
    def ok(self) -> bool:
        """Nothing is damaged."""
        return not self.damage
