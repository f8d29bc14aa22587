"""What a format is: rows made from search artifacts or from labelled solutions, and a reader of such rows."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from omega_fast.errors import InputError
from omega_fast.store.artifacts import Artifacts
from omega_fast.store.formats.files import (
    FOLDER,
    Columns,
    OnFault,
    Place,
    Row,
    RowFault,
    read_rows,
    write_rows,
)
from omega_fast.store.formats.labelled import LabelledSolution, solutions_of

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
    """A way in which results leave a run, and in which they and other people's data are read.

    Attributes:
        name: What the user calls it.
        description: One line for a list of formats.
        suffixes: File suffixes it can be written to, the usual one first; `FOLDER` is a data set saved to disk.
        to_json: A row as JSON values.
        from_json: The reverse; raises `KeyError`, `TypeError` or `ValueError` on anything else.
        rows_of: The rows of one question; a format without it gets them from its labelled solutions.
        from_solution: The rows of a labelled solution, if one is enough to make them; raises `ValueError` if
            it holds what the format cannot carry, or lacks what it needs.
        to_solutions: The labelled solutions of rows that belong together, if they hold any.
        together: What rows that follow one another have in common if they belong together; by default each
            row stands alone.
        columns: Makes the schema, if Parquet or CSV is among the suffixes.
        file_each: Whether a folder of it has a JSON file for each row.
    """

    name: str
    description: str
    suffixes: tuple[str, ...]
    to_json: Callable[[RowT, ExportOptions], dict[str, Any]]
    from_json: Callable[[Row], RowT]
    rows_of: Callable[[Artifacts, ExportOptions], Iterator[RowT]] | None = None
    from_solution: Callable[[LabelledSolution], Iterable[RowT]] | None = None
    to_solutions: Callable[[Sequence[RowT]], Iterable[LabelledSolution]] | None = None
    together: Callable[[RowT], Hashable] | None = None
    columns: Columns | None = None
    file_each: bool = False

    def project(
        self, artifacts: Artifacts, options: ExportOptions, on_fault: OnFault | None = None
    ) -> Iterator[RowT]:
        """The rows of one question.

        Args:
            artifacts: What the search of the question found.
            options: Choices some formats offer.
            on_fault: Called with each solution that this format cannot carry.

        Raises:
            InputError: At such a solution, if there is no `on_fault`.
        """
        if self.rows_of is not None:
            yield from self.rows_of(artifacts, options)
            return
        for number, solution in enumerate(solutions_of(artifacts), 1):
            place = Place(Path(f"question {artifacts.question.id}"), number, "solution")
            yield from self.made(solution, place, on_fault)

    def made(
        self, solution: LabelledSolution, place: Place, on_fault: OnFault | None = None
    ) -> Iterable[RowT]:
        """The rows of a solution that came from `place`. Raises like `project`."""
        assert self.from_solution is not None, "asked only of formats that can be made from solutions"
        try:
            return list(self.from_solution(solution))
        except ValueError as error:
            fault = RowFault(place, f"cannot be written in format {self.name}: {error}", asdict(solution))
            if on_fault is None:
                raise fault.error() from error
            on_fault(fault)
            return ()

    def write(
        self,
        path: Path,
        questions: Iterable[Artifacts],
        options: ExportOptions | None = None,
        on_fault: OnFault | None = None,
    ) -> int:
        """Project questions, one at a time, and write the rows to `path`; how many rows there were.

        Raises:
            InputError: If the suffix of `path` is not among `suffixes`; otherwise like `project`.
            StoreError: If the file cannot be written.
        """
        chosen = options or ExportOptions()
        rows = (row for each in questions for row in self.project(each, chosen, on_fault))
        return self.write_rows(path, rows, chosen)

    def write_rows(self, path: Path, rows: Iterable[RowT], options: ExportOptions | None = None) -> int:
        """Write rows to `path`; how many there were. Raises like `write`."""
        if path.suffix not in self.suffixes:
            raise InputError(
                f"format {self.name} cannot be written to {path.name}",
                hint=f"end it in {' or '.join(each for each in self.suffixes if each != FOLDER)}",
            )
        chosen = options or ExportOptions()
        written = (self.to_json(row, chosen) for row in rows)
        return write_rows(path, written, self.columns, file_each=self.file_each)

    def read(self, path: Path, on_fault: OnFault | None = None) -> Iterator[RowT]:
        """Yield the rows of a file. Raises like `read_placed`."""
        return (row for _, row in self.read_placed(path, on_fault))

    def read_placed(self, path: Path, on_fault: OnFault | None = None) -> Iterator[tuple[Place, RowT]]:
        """Yield the rows of a file, each with its place.

        Args:
            path: The file.
            on_fault: Called with each row that is not of this format.

        Raises:
            InputError: At such a row, if there is no `on_fault`.
            StoreError: If the file cannot be read.
        """
        for place, row in read_rows(path, on_fault):
            try:
                read = self.from_json(row)
            except (KeyError, TypeError, ValueError, RecursionError) as error:
                fault = RowFault(place, f"is not in format {self.name}: {_told(error)}", row)
                if on_fault is None:
                    raise fault.error() from error
                on_fault(fault)
            else:
                yield place, read

    def read_solutions(
        self, path: Path, on_fault: OnFault | None = None
    ) -> Iterator[tuple[Place, LabelledSolution]]:
        """Yield the labelled solutions in a file, each with the place of the first row it comes from.

        Raises like `read_placed`.
        """
        assert self.to_solutions is not None, "asked only of formats that hold solutions"
        together = self.together or (lambda _: object())
        for _, group in groupby(self.read_placed(path, on_fault), lambda each: together(each[1])):
            placed = list(group)
            place = placed[0][0]
            try:
                for solution in self.to_solutions([row for _, row in placed]):
                    yield place, solution
            except ValueError as error:
                content = self.to_json(placed[0][1], ExportOptions())
                fault = RowFault(place, f"holds no labelled solutions: {error}", content)
                if on_fault is None:
                    raise fault.error() from error
                on_fault(fault)


def _told(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"it lacks {error.args[0]!r}"
    return "it nests too deeply" if isinstance(error, RecursionError) else str(error)
