"""Files of the same kind put together again, with an eye on questions that are in several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from omega_fast.errors import ConfigError, InputError
from omega_fast.store.formats.files import Columns, Place, Row, read_rows, write_rows

if TYPE_CHECKING:
    import pyarrow

__all__ = ["Duplicates", "Merged", "columns_like", "merge"]

Duplicates = Literal["refuse", "drop", "keep"]
"""What happens to a question that an earlier part has: an error, the first part's rows stay alone, or all rows stay."""

_IDS = ("question_id", "id")
_TEXTS = ("question", "problem", "prompt", "input", "conversations", "messages", "prefix")


@dataclass(frozen=True, slots=True)
class Merged:
    """The file that was written, its rows, and the rows left out as duplicates."""

    path: Path
    rows: int
    dropped: int

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON values."""
        return {"path": str(self.path), "rows": self.rows, "dropped": self.dropped}


def merge(output: Path, parts: Sequence[Path], *, duplicates: Duplicates = "refuse") -> Merged:
    """Write the rows of the parts to one file, in order, a row at a time.

    A question is known by its id and its text together, as far as a row has them: runs of parts number their
    questions alike. A part may have several rows of one question; two parts may not, unless duplicates are
    kept. A hash of every question is kept in memory.

    Raises:
        ConfigError: If there are no parts, or the output is one of them.
        InputError: If a part cannot be read, or two have a question in common and duplicates are refused.
        StoreError: If a file cannot be read or written.
    """
    if not parts:
        raise ConfigError("there is nothing to merge", hint="name the parts")
    if output.resolve() in {part.resolve() for part in parts}:
        raise ConfigError(f"{output} is one of the parts", hint="name another output")
    rows = _Rows(parts, duplicates)
    output.parent.mkdir(parents=True, exist_ok=True)
    written = write_rows(output, rows, columns_like(output, parts[0]))
    return Merged(output, written, rows.dropped)


class _Rows:
    def __init__(self, parts: Sequence[Path], duplicates: Duplicates) -> None:
        self._parts = parts
        self._duplicates = duplicates
        self.dropped = 0

    def __iter__(self) -> Iterator[Row]:
        first_in: dict[bytes, int] = {}
        for number, part in enumerate(self._parts):
            for place, row in read_rows(part):
                key = _question(place, row)
                if first_in.setdefault(key, number) == number or self._duplicates == "keep":
                    yield row
                elif self._duplicates == "drop":
                    self.dropped += 1
                else:
                    raise InputError(
                        f"{place} is of a question that {self._parts[first_in[key]]} has too",
                        hint="--duplicates keep keeps all rows, --duplicates drop those of the first part alone",
                    )


def _question(place: Place, row: Row) -> bytes:
    names = [next((name for name in some if row.get(name) is not None), None) for some in (_IDS, _TEXTS)]
    if not any(names):
        raise InputError(f"{place} names no question", hint=f"give it one of {', '.join(_IDS + _TEXTS)}")
    value = [None if name is None else row[name] for name in names]
    return blake2b(repr(value).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def columns_like(output: Path, first: Path) -> Columns | None:
    """The columns of a file to write rows of another to; `None` where the file has none. Raises `ConfigError`."""
    if output.suffix not in {".parquet", ".csv"}:
        return None
    if first.suffix == ".parquet":
        from omega_fast.store.formats.columnar import parquet_columns  # noqa: PLC0415 - it loads pyarrow

        return partial(parquet_columns, first)
    if first.suffix == ".csv":
        return partial(_text_columns, first)
    raise ConfigError(
        f"{output.name} needs columns, and {first.name} has none", hint="merge to .jsonl, then omega convert"
    )


def _text_columns(path: Path) -> pyarrow.Schema:
    import pyarrow as pa  # noqa: PLC0415 - half a second that only columns should cost

    names: Sequence[str] = next((list(row) for _, row in read_rows(path)), [])
    return pa.schema([(name, pa.string()) for name in names])
