"""What a format is: a projection of search artifacts to rows, and a reader of such rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from omega_fast.errors import InputError
from omega_fast.store.artifacts import Artifacts
from omega_fast.store.formats.files import Columns, Row, read_rows, write_rows

__all__ = ["ExportOptions", "Format", "PrefixAs", "TreeText"]

PrefixAs = Literal["text", "pair"]
"""How openr `flat` writes a prefix: one text, or the list of question and solution prefix."""

TreeText = Literal["cumulative", "step"]
"""What a node of openr `tree` carries: everything from the root down, or its own step."""

RowT = TypeVar("RowT")


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """Choices that some formats offer.

    Attributes:
        seed: Seed of the run, for `samples`.
        prefix_as: Form of a prefix in `flat`.
        text: Content of a node in `tree`.
    """

    seed: int | None = None
    prefix_as: PrefixAs = "text"
    text: TreeText = "step"


@dataclass(frozen=True, slots=True)
class Format(Generic[RowT]):
    """A way in which results leave a run.

    Attributes:
        name: What the user calls it.
        description: One line for a list of formats.
        suffixes: File suffixes it can be written to, the usual one first.
        project: The rows of one question.
        to_json: A row as JSON values.
        from_json: The reverse; raises `KeyError`, `TypeError` or `ValueError` on anything else.
        columns: Makes the Parquet schema, if Parquet is among the suffixes.
    """

    name: str
    description: str
    suffixes: tuple[str, ...]
    project: Callable[[Artifacts, ExportOptions], Iterator[RowT]]
    to_json: Callable[[RowT, ExportOptions], dict[str, Any]]
    from_json: Callable[[Row], RowT]
    columns: Columns | None = None

    def write(self, path: Path, questions: Iterable[Artifacts], options: ExportOptions | None = None) -> int:
        """Project questions, one at a time, and write the rows to `path`; how many rows there were.

        Raises:
            InputError: If the suffix of `path` is not among `suffixes`.
            StoreError: If the file cannot be written.
        """
        chosen = options or ExportOptions()
        return self.write_rows(
            path, (row for each in questions for row in self.project(each, chosen)), chosen
        )

    def write_rows(self, path: Path, rows: Iterable[RowT], options: ExportOptions | None = None) -> int:
        """Write rows to `path`; how many there were. Raises like `write`."""
        if path.suffix not in self.suffixes:
            raise InputError(
                f"format {self.name} cannot be written to {path.name}",
                hint=f"end it in {' or '.join(self.suffixes)}",
            )
        chosen = options or ExportOptions()
        return write_rows(path, (self.to_json(row, chosen) for row in rows), self.columns)

    def read(self, path: Path) -> Iterator[RowT]:
        """Yield the rows of a file.

        Raises:
            InputError: At a row that is not of this format; its place is named.
            StoreError: If the file cannot be read.
        """
        for place, row in read_rows(path):
            try:
                yield self.from_json(row)
            except (KeyError, TypeError, ValueError) as error:
                raise InputError(
                    f"{place} is not in format {self.name}: {error!r}", hint="name the format the file has"
                ) from error
