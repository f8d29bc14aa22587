"""Rows in and out of columns: Parquet files, and data sets that Hugging Face `datasets` saved to disk.

Importing this module loads pyarrow.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
from pyarrow import ipc, parquet

from omega_fast.errors import InputError

__all__ = ["parquet_columns", "read_parquet", "read_saved", "write_parquet", "write_saved"]

_BATCH = 1024
_STATE, _INFO, _DATA = "state.json", "dataset_info.json", "data-00000-of-00001.arrow"
_SAVED = {_STATE, _INFO, _DATA}
_NO_FORMAT: dict[str, object] = {
    "_fingerprint": "omega_fast",
    "_format_columns": None,
    "_format_kwargs": {},
    "_format_type": None,
    "_output_all_columns": False,
    "_split": None,
}


def write_parquet(file: IO[bytes], rows: Iterator[Mapping[str, Any]], schema: pa.Schema) -> None:
    """Write rows, some at a time. Raises `InputError` if one does not fit the columns."""
    with parquet.ParquetWriter(file, schema) as writer:
        for table in _tables(rows, schema):
            writer.write_table(table)


def write_saved(folder: Path, rows: Iterator[Mapping[str, Any]], schema: pa.Schema) -> None:
    """Write rows as a folder that `datasets.load_from_disk` opens.

    A data set of that name is replaced when all rows are written.

    Raises:
        InputError: If a row does not fit the columns, or the folder holds anything but a data set.
    """
    if folder.exists() and not (folder.is_dir() and {each.name for each in folder.iterdir()} <= _SAVED):
        raise InputError(f"{folder} holds something else than a data set", hint="name another output")
    beside = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    try:
        with (beside / _DATA).open("wb") as file, ipc.new_stream(file, schema) as stream:
            for table in _tables(rows, schema):
                stream.write_table(table)
        (beside / _STATE).write_text(json.dumps({"_data_files": [{"filename": _DATA}]} | _NO_FORMAT))
        (beside / _INFO).write_text("{}")
        shutil.rmtree(folder, ignore_errors=True)
        beside.replace(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _tables(rows: Iterator[Mapping[str, Any]], schema: pa.Schema) -> Iterator[pa.Table]:
    while batch := list(islice(rows, _BATCH)):
        try:
            yield pa.Table.from_pylist(batch, schema=schema)
        except (pa.ArrowException, UnicodeEncodeError) as error:
            raise InputError(f"a row does not fit the columns: {error}", hint="export to .jsonl") from error


def read_parquet(path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of a Parquet file. Raises `InputError` if it is none."""
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(_BATCH):
                yield from batch.to_pylist()
    except pa.ArrowException as error:
        raise InputError(f"{path} is not a Parquet file: {error}", hint="check the file") from error


def parquet_columns(path: Path) -> pa.Schema:
    """The schema of a Parquet file. Raises `InputError` if it is none."""
    try:
        return parquet.read_schema(path)
    except pa.ArrowException as error:
        raise InputError(f"{path} is not a Parquet file: {error}", hint="check the file") from error


def read_saved(folder: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of a folder written by `Dataset.save_to_disk`.

    Its `state.json` names the Arrow stream files in order.

    Raises:
        InputError: If the folder is none of that kind, or holds several splits.
    """
    if (folder / "dataset_dict.json").exists():
        raise InputError(f"{folder} holds several splits", hint="name one of the folders in it")
    try:
        files = [each["filename"] for each in json.loads((folder / _STATE).read_bytes())["_data_files"]]
    except (FileNotFoundError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{folder} is not a saved data set: {error!r}", hint="give a file, or a folder with a state.json"
        ) from error
    for name in files:
        try:
            with (folder / Path(name).name).open("rb") as file, ipc.open_stream(file) as stream:
                for batch in stream:
                    for start in range(0, batch.num_rows, _BATCH):
                        yield from batch.slice(start, _BATCH).to_pylist()
        except pa.ArrowException as error:
            raise InputError(
                f"{folder / name} is not an Arrow stream: {error}", hint="save it again"
            ) from error
