"""Rows in and out of files: JSON Lines, JSON, CSV and Parquet by the suffix of the file's name, a row at a time.

A name without a suffix is a folder: a data set as Hugging Face `datasets` saves it to disk, or one of row files.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import orjson

from omega_fast.errors import InputError
from omega_fast.store.files import naming, naming_input
from omega_fast.store.formats.csv_rows import read_csv, write_csv
from omega_fast.store.formats.json_list import NotAListError, json_items
from omega_fast.store.formats.row_folder import ROW_NAME, row_files, write_row_folder
from omega_fast.store.lines import encode_json

if TYPE_CHECKING:
    import pyarrow

__all__ = [
    "FOLDER",
    "SUFFIXES",
    "Columns",
    "OnFault",
    "Place",
    "Row",
    "RowFault",
    "read_rows",
    "replacing",
    "write_rows",
]

Row = Mapping[str, Any]
"""One row: column name to JSON value."""

Columns = Callable[[], "pyarrow.Schema"]
"""Makes the schema; called only where Parquet or CSV is written."""

FOLDER = ""
"""The suffix of a folder: a data set saved to disk where a format has columns, else a file for each row."""

_LOOK = 1 << 12
_LONGEST = 1 << 28

SUFFIXES = (".jsonl", ".json", ".csv", ".parquet", FOLDER)
"""The kinds of files there are."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row stands: its line in the file, or its number among the rows, from 1."""

    path: Path
    number: int
    unit: str = "row"

    def __str__(self) -> str:
        return f"{self.path} {self.unit} {self.number}"


@dataclass(frozen=True, slots=True)
class RowFault:
    """A row that cannot be used: where it stands, why, and what it holds as far as that is known."""

    place: Place
    reason: str
    content: object

    def error(self) -> InputError:
        """The same as an exception."""
        return InputError(f"{self.place} {self.reason}", hint="check the file, or name the format it has")


OnFault = Callable[[RowFault], None]
"""Takes the rows that cannot be used, so that the others are gone on with."""


def write_rows(
    path: Path, rows: Iterable[Row], columns: Columns | None = None, *, file_each: bool = False
) -> int:
    """Write rows to `path`, replacing it only when all are written; how many there were.

    Args:
        path: Ends in one of `SUFFIXES`.
        rows: May be lazy; they are never all held in memory.
        columns: The schema, for Parquet and CSV.
        file_each: Whether a folder gets a JSON file for each row, instead of being a saved data set.

    Raises:
        InputError: If a row does not fit, or the suffix is none of these.
        StoreError: If the file cannot be written.
    """
    counted = _Counted(rows)
    if path.suffix == FOLDER and file_each:
        with naming(path):
            write_row_folder(path, counted)
        return counted.count
    if path.suffix not in {".jsonl", ".json"} and (path.suffix not in SUFFIXES or columns is None):
        raise InputError(f"{path} has a suffix that this format cannot be written to", hint="use .jsonl")
    if path.suffix == FOLDER and columns is not None:
        from omega_fast.store.formats.columnar import write_saved  # noqa: PLC0415 - it loads pyarrow

        with naming(path):
            write_saved(path, iter(counted), columns())
        return counted.count
    with replacing(path) as file:
        if path.suffix == ".jsonl":
            for row in counted:
                file.write(encode_json(row, what=f"row {counted.count}") + b"\n")
        elif path.suffix == ".json":
            opening = b"[\n"
            for row in counted:
                file.write(opening + encode_json(row, what=f"row {counted.count}"))
                opening = b",\n"
            file.write(b"\n]\n" if counted.count else b"[]\n")
        elif columns is not None and path.suffix == ".csv":
            write_csv(file, counted, columns().names)
        elif columns is not None:
            from omega_fast.store.formats.columnar import write_parquet  # noqa: PLC0415 - it loads pyarrow

            write_parquet(file, iter(counted), columns())
    return counted.count


def read_rows(path: Path, on_fault: OnFault | None = None) -> Iterator[tuple[Place, Row]]:
    """Yield each row with the place it stands at. Blank lines are passed over.

    Args:
        path: Told by its suffix; one that says nothing is read as JSON Lines.
        on_fault: Called with each row that is none; without it the first of them is an error.

    Raises:
        InputError: If the file is absent or not of the kind its suffix says, or at a row that is none.
        StoreError: If it cannot be read.
    """
    with naming_input(path):
        for place, found in _found(path):
            fault = found if isinstance(found, RowFault) else None
            if fault is None and not isinstance(found, Mapping):
                fault = RowFault(place, "is not an object", found)
            if fault is None:
                yield place, found
            elif on_fault is None:
                raise fault.error()
            else:
                on_fault(fault)


def _found(path: Path) -> Iterator[tuple[Place, Any]]:
    if path.is_dir() and ((files := row_files(path)) or not any(path.iterdir())) and not _is_saved(path):
        yield from _found_in(files)
    elif path.is_dir() or path.suffix == ".parquet":
        from omega_fast.store.formats import columnar  # noqa: PLC0415 - it loads pyarrow

        rows = columnar.read_saved(path) if path.is_dir() else columnar.read_parquet(path)
        yield from ((Place(path, number), row) for number, row in enumerate(rows, 1))
    elif path.suffix == ".csv":
        for number, cells, reason in read_csv(path):
            place = Place(path, number, "line")
            yield place, cells if reason is None else RowFault(place, reason, cells)
    elif path.suffix == ".json":
        yield from _json_rows(path)
    else:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    place = Place(path, number, "line")
                    yield place, _parsed(line, place)


def _is_saved(path: Path) -> bool:
    """Whether a folder is one that Hugging Face `datasets` saved."""
    return any((path / name).exists() for name in ("state.json", "dataset_dict.json"))


def _found_in(files: list[Path]) -> Iterator[tuple[Place, Any]]:
    for file in files:
        try:
            yield from _found(file)
        except InputError as error:
            yield Place(file, 1), RowFault(Place(file, 1), f"is in no readable file: {error.message}", None)


def _json_rows(path: Path) -> Iterator[tuple[Place, Any]]:
    with path.open("rb") as file:
        begun = file.read(_LOOK).removeprefix(b"\xef\xbb\xbf").lstrip()
        file.seek(0)
        if begun.startswith(b"{"):
            yield Place(path, 1), _one_row(path, file.read(_LONGEST + 1))
            return
        try:
            for number, item in enumerate(json_items(file), 1):
                place = Place(path, number)
                yield place, _parsed(item, place)
        except NotAListError as error:
            raise InputError(
                f"{path} is not a list of rows: {error}", hint="use .jsonl for one row a line"
            ) from error
        except ValueError as error:
            raise InputError(f"{path} is not JSON: {error}", hint="check the file") from error


def _one_row(path: Path, data: bytes) -> Any:
    """The one object of a file, named after the file unless it has a name."""
    if len(data) > _LONGEST:
        raise InputError(
            f"{path} is one object of more than {_LONGEST} bytes", hint="use .jsonl for one row a line"
        )
    row = _parsed(data.removeprefix(b"\xef\xbb\xbf"), Place(path, 1))
    if isinstance(row, RowFault):
        return replace(row, reason=f"{row.reason}; one row a line is .jsonl")
    return {ROW_NAME: path.stem, **row}


def _parsed(data: bytes | str, place: Place) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        return RowFault(place, f"is not JSON: {error}", data)


class _Counted:
    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = rows
        self.count = 0

    def __iter__(self) -> Iterator[Row]:
        for row in self._rows:
            self.count += 1
            yield row


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file that becomes `path` when the block ends well, and leaves nothing behind when it does not.

    Raises:
        StoreError: If it cannot be written.
    """
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
