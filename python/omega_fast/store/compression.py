"""Zstd for closed segments. The `zstandard` package is only needed where a run uses it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from omega_fast.errors import StoreDamagedError, StoreError

__all__ = ["compress", "read_compressed"]


def compress(data: bytes) -> bytes:
    """`data` as one zstd frame, without a checksum: its lines have their own.

    Raises:
        StoreError: Where `zstandard` is missing.
    """
    frame: bytes = _zstandard().ZstdCompressor().compress(data)
    return frame


def read_compressed(path: Path, block: int) -> Iterator[bytes]:
    """Yield what a zstd file holds, at most `block` bytes at once.

    Raises:
        StoreError: Where `zstandard` is missing.
        StoreDamagedError: If the file is not what the compressor wrote.
    """
    zstandard = _zstandard()
    with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as stream:
        try:
            while data := stream.read(block):
                yield data
        except zstandard.ZstdError as error:
            raise StoreDamagedError(
                f"{path} cannot be decompressed: {error}", hint="restore the file from a copy"
            ) from error


def _zstandard() -> ModuleType:
    try:
        import zstandard  # noqa: PLC0415 - optional: only runs that compress need it
    except ImportError as error:
        raise StoreError(
            "compressed segments need the zstandard package", hint="pip install zstandard"
        ) from error
    return zstandard
