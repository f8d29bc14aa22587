"""Rows in and out of comma-separated values: the first line names the columns, every cell is quoted."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from omega_fast.errors import InputError

__all__ = ["read_csv", "write_csv"]


def write_csv(file: IO[bytes], rows: Iterable[Mapping[str, Any]], names: Sequence[str]) -> None:
    """Write rows of text, numbers and truth values; null is an empty cell.

    Raises:
        InputError: If a text is not valid Unicode.
    """
    sheet = io.TextIOWrapper(file, encoding="utf-8", newline="")
    writer = csv.writer(sheet, quoting=csv.QUOTE_ALL, lineterminator="\n")
    try:
        writer.writerow(names)
        for row in rows:
            writer.writerow([_shown(row[name]) for name in names])
        sheet.flush()
    except UnicodeEncodeError as error:
        raise InputError(f"a row is not valid Unicode: {error}", hint="export to .jsonl") from error
    finally:
        sheet.detach()


def read_csv(path: Path) -> Iterator[tuple[int, Mapping[str, str] | list[str], str | None]]:
    """Yield the line on which each row ends, its cells by column, and why they are no row if they are none.

    A first line with a number in it is taken for a row; the columns are then called 1, 2, ...
    """
    csv.field_size_limit(sys.maxsize)
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as sheet:
        reader = csv.reader(sheet, strict=True)
        names: list[str] | None = None
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield reader.line_num, [], f"is not CSV: {error}"
                continue
            if not cells:
                continue
            if names is None:
                if not any(_is_number(cell) for cell in cells):
                    names = cells
                    continue
                names = [str(number) for number in range(1, len(cells) + 1)]
            yield reader.line_num, *_row(cells, names)


def _row(cells: list[str], names: list[str]) -> tuple[Mapping[str, str] | list[str], str | None]:
    if len(cells) != len(names):
        return cells, f"has {len(cells)} cells, not {len(names)}"
    try:
        "".join(cells).encode()
    except UnicodeEncodeError:
        return cells, "is not UTF-8"
    return dict(zip(names, cells, strict=True)), None


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
