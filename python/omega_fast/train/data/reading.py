"""Examples from wherever labels are: a run directory, a file of any format, or Python objects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from omega_fast.errors import InputError
from omega_fast.exchange.convert import source_format
from omega_fast.store.artifacts_file import artifacts_path, read_artifacts
from omega_fast.store.formats import TRL, LabelledSolution, Place, RowFault
from omega_fast.store.formats.labelled import solutions_of
from omega_fast.store.formats.soft import soft_label
from omega_fast.train.data.example import Example, wrongly_labelled
from omega_fast.train.data.faults import Faults

__all__ = ["Source", "read_examples"]

Source = str | Path | Iterable[Example | LabelledSolution | Mapping[str, Any]]
"""A run directory or a file, or objects: examples, labelled solutions, or rows of the format `trl`."""

_OBJECTS = Path("(given)")


def read_examples(source: Source, faults: Faults, form: str = "auto") -> Iterator[Example]:
    """Yield the solutions of a source that have steps and labels.

    Args:
        source: Where they are.
        faults: Takes the others.
        form: Format of a file, a key of `FORMATS`; `auto` looks at its first row.

    Raises:
        ConfigError: If there is no such format, or it holds no solutions.
        InputError: If the source cannot be read at all, or at the first fault if faults are refused.
        StoreError: If a file or run cannot be read.
    """
    if isinstance(source, str | Path):
        path = Path(source)
        placed = _from_run(path) if _is_run(path) else _from_file(path, form, faults)
    else:
        placed = _from_objects(source, faults)
    for place, example in placed:
        solution = example.solution
        content = {"question": solution.question, "steps": list(solution.steps)}
        if not solution.steps:
            faults.add("no_steps", RowFault(place, "it has no steps", content))
        elif (wrong := wrongly_labelled(example)) is not None:
            faults.add("bad_label", RowFault(place, wrong, content))
        else:
            yield example


def _is_run(path: Path) -> bool:
    return artifacts_path(path).is_file() or (path / "manifest.json").is_file()


def _from_run(path: Path) -> Iterator[tuple[Place, Example]]:
    for artifacts in read_artifacts(path):
        root = next((node for node in artifacts.nodes if node.parent is None), None)
        estimate = None if root is None else soft_label(root)
        start = None if estimate is None else estimate.label
        for number, solution in enumerate(solutions_of(artifacts), 1):
            place = Place(path / f"question {artifacts.question.id}", number, "solution")
            yield place, Example(solution, start, place=place)


def _from_file(path: Path, form: str, faults: Faults) -> Iterator[tuple[Place, Example]]:
    origin = source_format(path, form)
    if origin.to_solutions is None:
        raise InputError(f"format {origin.name} holds no labelled solutions", hint="give another file")
    for place, solution in origin.read_solutions(path, faults.unreadable):
        yield place, Example(solution, place=place)


def _from_objects(given: Iterable[Any], faults: Faults) -> Iterator[tuple[Place, Example]]:
    for number, each in enumerate(given, 1):
        place = Place(_OBJECTS, number, "item")
        if isinstance(each, Example):
            yield place, replace(each, place=place)
        elif isinstance(each, LabelledSolution):
            yield place, Example(each, place=place)
        else:
            yield from _from_row(place, each, faults)


def _from_row(place: Place, row: Any, faults: Faults) -> Iterator[tuple[Place, Example]]:
    assert TRL.to_solutions is not None, "rows of this format are solutions"
    try:
        if not isinstance(row, Mapping):
            raise TypeError(f"it is a {type(row).__name__}")
        for solution in TRL.to_solutions([TRL.from_json(row)]):
            yield place, Example(solution, place=place)
    except (KeyError, TypeError, ValueError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        faults.unreadable(RowFault(place, f"{reason}, and is no row of the format trl", row))
