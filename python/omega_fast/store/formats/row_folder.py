"""Folders of row files: a file for each row under the row's name, as search trees are published, or shards of one set.

A file of one JSON object is one row, whose name is the file's; any other file in the folder holds rows of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from omega_fast.errors import InputError
from omega_fast.store.lines import encode_json

__all__ = ["ROW_NAME", "row_files", "write_row_folder"]

ROW_NAME = "question_id"
"""The field that says how the file of a row is named; a file without it has its name there when it is read."""

_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,150}")
_KINDS = {".json", ".jsonl", ".csv", ".parquet"}
_NO_ROWS = {"dataset_info.json", "dataset_infos.json"}


def write_row_folder(folder: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write each row to `NAME.json`, the row's name left out; one whose name is no file name gets a number.

    The folder appears when all rows are written.

    Raises:
        InputError: If there is something in the folder already, or a row does not fit.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is there already", hint="name another output, or remove it")
    beside = folder.with_name(f".{folder.name}.new")
    beside.mkdir()
    try:
        for number, row in enumerate(rows, 1):
            name = row.get(ROW_NAME)
            fits = isinstance(name, str) and _PLAIN.fullmatch(name) is not None
            path = beside / f"{name}.json"
            named = fits and not path.exists()
            content = {key: value for key, value in row.items() if not (named and key == ROW_NAME)}
            path = path if named else _numbered(beside, number)
            path.write_bytes(encode_json(content, what=f"row {number}") + b"\n")
        beside.replace(folder)
    finally:
        for left in beside.iterdir() if beside.exists() else ():
            left.unlink()
        if beside.exists():
            beside.rmdir()


def row_files(folder: Path) -> list[Path]:
    """The row files in a folder and below it, sorted by path, without hidden ones and those that describe others."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix in _KINDS
        and path.name not in _NO_ROWS
        and not path.name.endswith(".quarantine.jsonl")
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def _numbered(folder: Path, number: int) -> Path:
    path = folder / f"{number:06d}.json"
    while path.exists():
        number += 1
        path = folder / f"{number:06d}_.json"
    return path
