"""One format into another: by labelled solutions, or row for row where the two are the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from omega_fast.errors import ConfigError, InputError
from omega_fast.exchange.refused import Refused, refusing
from omega_fast.store.formats import FORMATS, Format, LabelledSolution
from omega_fast.store.formats.files import read_rows

__all__ = ["Conversion", "convert", "detect", "format_named", "hardened", "source_format"]


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
    source: Path, output: Path, *, to: str, from_: str = "auto", threshold: float | None = None
) -> Conversion:
    """Read a file in one format and write it in another, a row at a time.

    Args:
        source: The file, or a folder saved by Hugging Face `datasets`.
        output: The file to write; its suffix says of which kind.
        to: A key of `FORMATS`.
        from_: A key of `FORMATS`, or `auto`: the first format that the first good row is of.
        threshold: Steps without a hard label are right where their soft label is above this, else wrong;
            `None` leaves them without.

    Raises:
        ConfigError: If there is no such format, or the one cannot be made of the other.
        InputError: If the file cannot be read at all, or the output cannot be of that kind.
        StoreError: If a file cannot be read or written.
    """
    target = format_named(to)
    origin = source_format(source, from_)
    if output.resolve() == source.resolve():
        raise ConfigError("output and input are one file", hint="name another output")
    if origin is not target and target.from_solution is None:
        raise ConfigError(
            f"format {target.name} needs more than labelled solutions", hint=f"choose one of {_writable()}"
        )
    if origin is not target and origin.to_solutions is None:
        raise ConfigError(f"format {origin.name} holds no labelled solutions", hint="give another file")
    output.parent.mkdir(parents=True, exist_ok=True)
    with refusing(output) as refused:
        if origin is target:
            rows = target.write_rows(output, origin.read(source, refused))
        else:
            rows = target.write_rows(output, _made(origin, target, source, threshold, refused))
    quarantine = refused.path if refused.count else None
    return Conversion(output, origin.name, target.name, rows, refused.count, quarantine)


def detect(path: Path) -> Format[Any]:
    """The first format that the first row that is of any is of.

    Raises:
        InputError: If no row is.
        StoreError: If the file cannot be read.
    """
    for _, row in read_rows(path, on_fault=lambda _: None):
        for each in FORMATS.values():
            try:
                each.from_json(row)
            except (KeyError, TypeError, ValueError, RecursionError):
                continue
            return each
    raise InputError(f"{path}: no row is of a known format", hint=f"name one of {', '.join(FORMATS)}")


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


def _made(
    origin: Format[Any], target: Format[Any], source: Path, threshold: float | None, refused: Refused
) -> Iterator[Any]:
    for place, solution in origin.read_solutions(source, refused):
        yield from target.made(hardened(solution, threshold), place, refused)


def _writable() -> str:
    return ", ".join(each.name for each in FORMATS.values() if each.from_solution is not None)
