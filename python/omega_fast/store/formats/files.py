"""Rows in and out of files: JSON Lines, JSON and Parquet, chosen by the suffix of the file's name."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import orjson

from omega_fast.errors import InputError
from omega_fast.store.files import naming
from omega_fast.store.lines import encode_json

if TYPE_CHECKING:
    import pyarrow

__all__ = ["Columns", "Row", "read_rows", "write_rows"]

Row = Mapping[str, Any]
"""One row: column name to JSON value."""

Columns = Callable[[], "pyarrow.Schema"]
"""Makes the Parquet schema; called only where Parquet is written."""

_BATCH = 1024


def write_rows(path: Path, rows: Iterable[Row], columns: Columns | None = None) -> int:
    """Write rows to `path`, replacing it only when all are written; how many there were.

    Args:
        path: Ends in `.jsonl`, `.json` or `.parquet`.
        rows: May be lazy; they are never all held in memory.
        columns: The schema, for Parquet.

    Raises:
        InputError: If a row is not JSON, or the suffix is none of these.
        StoreError: If the file cannot be written.
    """
    counted = _Counted(rows)
    if path.suffix not in {".jsonl", ".json"} and (path.suffix != ".parquet" or columns is None):
        raise InputError(f"{path} has a suffix that this format cannot be written to", hint="use .jsonl")
    with _replacing(path) as file:
        if path.suffix == ".jsonl":
            for row in counted:
                file.write(encode_json(row, what=f"row {counted.count}") + b"\n")
        elif path.suffix == ".json":
            opening = b"[\n"
            for row in counted:
                file.write(opening + encode_json(row, what=f"row {counted.count}"))
                opening = b",\n"
            file.write(b"\n]\n" if counted.count else b"[]\n")
        elif columns is not None:
            _write_parquet(file, iter(counted), columns())
    return counted.count


def read_rows(path: Path) -> Iterator[tuple[str, Row]]:
    """Yield each row with the place it stands at, for messages.

    Raises:
        InputError: If the file is not of the kind its suffix says; line and reason are named.
        StoreError: If it cannot be read.
    """
    with naming(path, "read"):
        if path.suffix == ".parquet":
            yield from _read_parquet(path)
        elif path.suffix == ".json":
            rows = _parse(path.read_bytes(), str(path))
            if not isinstance(rows, list):
                raise InputError(f"{path} is not a list of rows", hint="use .jsonl for one row a line")
            for number, row in enumerate(rows, 1):
                yield _checked(row, f"{path} row {number}")
        else:
            with path.open("rb") as file:
                for number, line in enumerate(file, 1):
                    place = f"{path} line {number}"
                    yield _checked(_parse(line, place), place)


class _Counted:
    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = rows
        self.count = 0

    def __iter__(self) -> Iterator[Row]:
        for row in self._rows:
            self.count += 1
            yield row


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    beside = path.with_name(f".{path.name}.new")
    with naming(path):
        try:
            with beside.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)


def _write_parquet(file: IO[bytes], rows: Iterator[Row], schema: pyarrow.Schema) -> None:
    import pyarrow as pa  # noqa: PLC0415 - half a second that only Parquet should cost
    from pyarrow import parquet  # noqa: PLC0415

    with parquet.ParquetWriter(file, schema) as writer:
        while batch := list(islice(rows, _BATCH)):
            try:
                writer.write_table(pa.Table.from_pylist(batch, schema=schema))
            except (pa.ArrowException, UnicodeEncodeError) as error:
                raise InputError(
                    f"a row does not fit the columns: {error}", hint="export to .jsonl"
                ) from error


def _read_parquet(path: Path) -> Iterator[tuple[str, Row]]:
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import parquet  # noqa: PLC0415

    try:
        with parquet.ParquetFile(path) as file:
            number = 0
            for batch in file.iter_batches(_BATCH):
                for row in batch.to_pylist():
                    number += 1
                    yield f"{path} row {number}", row
    except pa.ArrowException as error:
        raise InputError(f"{path} is not a Parquet file: {error}", hint="check the file") from error


def _parse(data: bytes, place: str) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise InputError(f"{place} is not JSON: {error}", hint="check the file") from error


def _checked(row: object, place: str) -> tuple[str, Row]:
    if not isinstance(row, dict):
        raise InputError(f"{place} is not an object", hint="each row has to be a JSON object")
    return place, row
