"""One format into another: by labelled solutions, or row for row where the two are the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

from omega_fast.errors import ConfigError, InputError
from omega_fast.exchange.refused import refusing
from omega_fast.exchange.roots import read_roots, with_roots
from omega_fast.store.formats import FORMATS, Format, LabelledSolution, Place
from omega_fast.store.formats.files import OnFault, RowFault, read_rows

__all__ = ["Conversion", "convert", "detect", "format_named", "hardened", "solutions_in", "source_format"]


@dataclass(frozen=True, slots=True)
class Conversion:
    """What came of a conversion.

    Attributes:
        path: The file that was written.
        source: The format that was read.
        target: The format that was written.
        rows: Rows written.
        quarantined: Rows and solutions that could not be used.
        quarantine: Where these are; `None` if there are none.
    """

    path: Path
    source: str
    target: str
    rows: int
    quarantined: int
    quarantine: Path | None

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON values."""
        return {
            "path": str(self.path),
            "from": self.source,
            "to": self.target,
            "rows": self.rows,
            "quarantined": self.quarantined,
            "quarantine": None if self.quarantine is None else str(self.quarantine),
        }


def convert(
    source: Path,
    output: Path,
    *,
    to: str,
    from_: str = "auto",
    threshold: float | None = None,
    root: Path | None = None,
    agrees: Callable[[LabelledSolution], bool] | None = None,
) -> Conversion:
    """Read a file in one format and write it in another, a row at a time.

    Args:
        source: The file, or a folder saved by Hugging Face `datasets`.
        output: The file to write; its suffix says of which kind.
        to: A key of `FORMATS`.
        from_: A key of `FORMATS`, or `auto`: the first format that the first good row is of.
        threshold: Steps without a hard label are right where their soft label is above this, else wrong;
            `None` leaves them without.
        root: GroundedPRM's `root.json`, for the questions and gold answers of its trees and samples.
        agrees: Keeps the solutions it is true of, once they have their hard labels.

    Raises:
        ConfigError: If there is no such format, or the one cannot be made of the other.
        InputError: If the file cannot be read at all, or the output cannot be of that kind.
        StoreError: If a file cannot be read or written.
    """
    target = format_named(to)
    origin = source_format(source, from_)
    if output.resolve() == source.resolve():
        raise ConfigError("output and input are one file", hint="name another output")
    if source.resolve() in output.resolve().parents:
        raise ConfigError("the output lies in the input", hint="name another output")
    if origin is target and root is not None:
        raise ConfigError("rows of the same format are copied as they are", hint="leave out --root")
    copies = origin is target and agrees is None
    if not copies and target.from_solution is None:
        raise ConfigError(
            f"format {target.name} needs more than labelled solutions", hint=f"choose one of {_writable()}"
        )
    with refusing(output) as refused:
        if copies:
            rows = target.write_rows(output, origin.read(source, refused))
        else:
            found = solutions_in(source, origin, refused, root)
            hard = ((place, hardened(each, threshold)) for place, each in found)
            kept = ((place, each) for place, each in hard if agrees is None or agrees(each))
            made = (target.made(each, place, refused) for place, each in kept)
            rows = target.write_rows(output, chain.from_iterable(made))
    return Conversion(output, origin.name, target.name, rows, refused.count, refused.file)


def solutions_in(
    source: Path, origin: Format[Any], refused: OnFault, root: Path | None = None
) -> Iterator[tuple[Place, LabelledSolution]]:
    """The labelled solutions of a file, each with its place; what cannot be used is refused.

    Raises:
        ConfigError: If the format holds none.
        InputError: If a file cannot be read at all.
        StoreError: If it cannot be read.
    """
    if origin.to_solutions is None:
        raise ConfigError(f"format {origin.name} holds no labelled solutions", hint="give another file")
    found = origin.read_solutions(source, refused)
    return found if root is None else with_roots(found, read_roots(root), refused)


def detect(path: Path) -> Format[Any]:
    """The first format that the first row that is of any is of.

    Raises:
        InputError: If no row is, or the file is absent or has none.
        StoreError: If the file cannot be read.
    """
    empty = True

    def passed_over(_: RowFault) -> None:
        nonlocal empty
        empty = False

    for _, row in read_rows(path, on_fault=passed_over):
        empty = False
        for each in FORMATS.values():
            try:
                each.from_json(row)
            except (KeyError, TypeError, ValueError, RecursionError):
                continue
            return each
    if empty:
        raise InputError(f"{path} has no rows", hint="give another file")
    raise InputError(
        f"{path}: no row is of a known format",
        hint=f"--from NAME says which it should be, and each row's fault is told: {', '.join(FORMATS)}",
    )


def source_format(path: Path, name: str) -> Format[Any]:
    """The format of that name, or the one found by looking if it is `auto`. Raises like `convert`."""
    return detect(path) if name == "auto" else format_named(name)


def format_named(name: str) -> Format[Any]:
    """The format of that name. Raises `ConfigError` if there is none."""
    if name not in FORMATS:
        raise ConfigError(f"unknown format {name!r}", hint=f"use one of {', '.join(FORMATS)}")
    return FORMATS[name]


def hardened(solution: LabelledSolution, threshold: float | None) -> LabelledSolution:
    """The solution with hard labels where it has soft ones alone: right above the threshold."""
    if threshold is None:
        return solution
    labels = (
        soft > threshold if hard is None and soft is not None else hard
        for hard, soft in zip(solution.hard, solution.soft, strict=True)
    )
    return replace(solution, hard=tuple(labels))


def _writable() -> str:
    return ", ".join(each.name for each in FORMATS.values() if each.from_solution is not None)
