"""Raw records of a question file, JSON Lines as a stream or one JSON list, with their line or position."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from omega_fast.errors import InputError
from omega_fast.tasks.base import Fault, Quarantine

__all__ = ["read_records"]

_BOM = b"\xef\xbb\xbf"
_HINT = "give a JSON list of objects, or JSON Lines with one object a line"


def read_records(path: Path, quarantine: Quarantine) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Every object of the file with its line (JSON Lines) or its position in the list, counted from 1.

    A line that is not an object in UTF-8 goes to the quarantine; blank lines are passed over. JSON Lines are
    read one line at a time.

    Raises:
        InputError: The file cannot be opened, or is a JSON list with a syntax error.
    """
    try:
        with path.open("rb") as file:
            first = next((line for line in file if line.strip(_BOM + b" \t\r\n")), b"")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}", hint="check the path") from error
    yield from (_list_items if first.removeprefix(_BOM).lstrip().startswith(b"[") else _lines)(
        path, quarantine
    )


def _lines(path: Path, quarantine: Quarantine) -> Iterator[tuple[int, Mapping[str, Any]]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            data = line.removeprefix(_BOM).strip() if number == 1 else line.strip()
            if not data:
                continue
            try:
                record = json.loads(data.decode())
            except UnicodeDecodeError as error:
                quarantine(Fault(path, number, f"not UTF-8 at byte {error.start}"))
            except (ValueError, RecursionError) as error:
                quarantine(Fault(path, number, f"not JSON: {error}"))
            else:
                yield from _objects(path, number, record, quarantine)


def _list_items(path: Path, quarantine: Quarantine) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        items = json.loads(path.read_bytes().removeprefix(_BOM))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not a JSON list: {error}", hint=_HINT) from error
    for position, item in enumerate(items, 1):
        yield from _objects(path, position, item, quarantine)


def _objects(
    path: Path, line: int, record: object, quarantine: Quarantine
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    if isinstance(record, dict):
        yield line, record
    else:
        quarantine(Fault(path, line, f"a {type(record).__name__}, not an object"))
