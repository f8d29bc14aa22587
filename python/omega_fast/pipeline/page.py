"""The page of a pipeline: what was made at each stage, its figures, tables and pictures, in Markdown."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from omega_fast.eval.policy import bounds_of
from omega_fast.pipeline.folder import PipelineFolder
from omega_fast.pipeline.recipe import Recipe, Stage
from omega_fast.pipeline.records import Digest, StageRecord
from omega_fast.store.files import LocalFileSystem, write_atomically
from omega_fast.store.manifest import package_version
from omega_fast.wording import counted

__all__ = ["PAGE", "shown", "write_page"]

PAGE = "README.md"


def write_page(recipe: Recipe, folder: PipelineFolder) -> Path:
    """Write the page of what is there so far; where it is. Raises `StoreError`."""
    path = folder.path / PAGE
    write_atomically(LocalFileSystem(), path, ("\n".join(_lines(recipe, folder)) + "\n").encode())
    return path


def shown(result: Mapping[str, Any], place: str) -> str:
    """A value in a command's JSON, by the names that lead to it, joined by dots, as text; `-` if it is not there.

    A value with its bounds is shown with them.

    >>> shown({"f": {"value": 0.5, "low": 0.25, "high": 0.75}}, "f")
    '0.500 (0.250 to 0.750)'
    >>> shown({"questions": 1200}, "questions"), shown({}, "questions")
    ('1,200', '-')
    """
    found = _at(result, place)
    if isinstance(found, Mapping) and "value" in found:
        bounds = found if "low" in found else bounds_of(found) if "over_seeds" in found else None
        told = _number(found["value"])
        if not bounds or bounds["low"] is None:
            return told
        return f"{told} ({_number(bounds['low'])} to {_number(bounds['high'])})"
    return _number(found)


def _at(result: Any, place: str) -> Any:
    """What stands at a place. Names may hold dots themselves: the longest one that is there is taken."""
    if not place:
        return result
    if not isinstance(result, Mapping):
        return None
    parts = place.split(".")
    for length in range(len(parts), 0, -1):
        name = ".".join(parts[:length])
        if name in result:
            return _at(result[name], ".".join(parts[length:]))
    return None


def _number(value: Any) -> str:
    if isinstance(value, Mapping) and all(isinstance(each, int | float) for each in value.values()):
        return ", ".join(f"{_plain(name)}: {_number(each)}" for name, each in value.items()) or "none"
    if value is None or isinstance(value, Mapping):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:.3f}" if isinstance(value, float) and abs(value) < 100 else f"{value:,.0f}"
    if isinstance(value, list):
        return ", ".join(map(_number, value)) or "-"
    return _plain(str(value))


def _lines(recipe: Recipe, folder: PipelineFolder) -> Iterator[str]:
    records = {stage.name: folder.record(stage) for stage in recipe.stages}
    yield f"# {recipe.title}"
    yield ""
    if recipe.about:
        yield " ".join(recipe.about.split())
        yield ""
    yield f"Made by `omega pipeline {recipe.path.name}` of omega_fast {package_version()}."
    if recipe.variables:
        told = ", ".join(f"{name} = {value}" for name, value in recipe.variables.items())
        yield f"Variables: {_plain(told)}."
    yield ""
    yield "| stage | what it makes | seconds | of the processor | starts |"
    yield "|---|---|---|---|---|"
    for stage in recipe.stages:
        yield _row(stage, records[stage.name])
    yield ""
    yield "Times are those of a stage's last start."
    for stage in recipe.stages:
        record = records[stage.name]
        if record is not None and record.state == "done":
            yield from _section(stage, record, folder)


def _row(stage: Stage, record: StageRecord | None) -> str:
    about = _plain(stage.about)
    if record is None:
        return f"| {stage.name} | {about} | not begun | | |"
    if record.state != "done":
        return f"| {stage.name} | {about} | not finished | | {record.starts} |"
    return (
        f"| [{stage.name}](#{stage.name}) | {about} | {record.seconds:,.0f} | {record.cpu_seconds:,.0f} | "
        f"{record.starts} |"
    )


def _section(stage: Stage, record: StageRecord, folder: PipelineFolder) -> Iterator[str]:
    yield ""
    yield f"## {stage.name}"
    yield ""
    if stage.about:
        yield stage.about
        yield ""
    yield "```"
    yield _wrapped(stage)
    yield "```"
    yield ""
    if record.code:
        yield "Parts of its input were set aside; its command says which."
        yield ""
    if stage.show:
        yield "| | |"
        yield "|---|---|"
        yield from (
            f"| {_plain(name)} | {shown(record.result, place)} |" for name, place in stage.show.items()
        )
        yield ""
    made = (f"[{name}]({stage.name}/{name}) ({_sized(digest)})" for name, digest in record.outputs.items())
    yield f"Made: {', '.join(made)}."
    for name in stage.tables:
        path = folder.folder(stage) / name
        if path.is_file():
            yield ""
            yield path.read_text("utf-8").strip()
    for name in stage.plots:
        if (folder.folder(stage) / name).is_file():
            yield ""
            yield f"![{stage.name}: {Path(name).stem}]({stage.name}/{name})"


def _wrapped(stage: Stage) -> str:
    """The command as it can be read: each option on a line of its own."""
    words = [word if "${" in word else shlex.quote(word) for word in stage.command]
    return " ".join(words).replace(" --", " \\\n    --").replace(" -o ", " \\\n    -o ")


def _sized(digest: Digest) -> str:
    size = float(digest.size)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            told = f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
            break
        size /= 1000
    return told if digest.files == 1 else f"{counted(digest.files, 'file')}, {told}"


def _plain(text: str) -> str:
    """A text that cannot end a cell of a table."""
    return " ".join(text.replace("|", "\\|").split())
