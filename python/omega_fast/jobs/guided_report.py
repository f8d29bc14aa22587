"""The results of a guided search: rows in the order of the questions, figures, and what the user should look at."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from heapq import merge
from pathlib import Path
from typing import IO, Any, Self

import orjson

from omega_fast.eval.guided import figures
from omega_fast.guided_scoring import ScoringCounts
from omega_fast.jobs.ranks import Ranks
from omega_fast.search.guided import GuidedSettings
from omega_fast.store.files import LocalFileSystem, naming, write_atomically
from omega_fast.store.formats.files import write_rows
from omega_fast.wording import counted

__all__ = ["RowSpool", "report", "warnings_of"]

_LARGE = ("candidates", "problem")


class RowSpool:
    """Rows on disk until they are judged, found again by their place."""

    def __init__(self) -> None:
        self._places: dict[int, tuple[int, int]] = {}
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `__exit__`

    def add(self, number: int, row: Mapping[str, Any]) -> None:
        """Keep a row."""
        data = orjson.dumps(row)
        self._places[number] = self._file.seek(0, 2), len(data)
        self._file.write(data)

    def __iter__(self) -> Iterator[tuple[int, dict[str, Any]]]:
        for number in sorted(self._places):
            begin, length = self._places[number]
            self._file.seek(begin)
            yield number, orjson.loads(self._file.read(length))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def report(output: Path, here: Ranks, settings: GuidedSettings) -> list[dict[str, Any]]:
    """The rows of all processes without their candidates; the first process also writes the files."""
    parts = [output / f"rows-{rank}.jsonl" for rank in range(here.size)]
    compact: list[dict[str, Any]] = []

    def all_rows() -> Iterator[dict[str, Any]]:
        with ExitStack() as stack:
            files = [stack.enter_context(part.open("rb")) for part in parts]
            rows = merge(*(map(orjson.loads, file) for file in files), key=lambda row: row["number"])
            for row in rows:
                row.pop("number")
                compact.append({name: value for name, value in row.items() if name not in _LARGE})
                yield row

    if here.rank:
        for _ in all_rows():
            pass
        here.wait_for_all()
        return compact
    write_rows(output / "rows.jsonl", all_rows())
    results = {"method": settings.method, **figures(compact)}
    told = orjson.dumps(results, option=orjson.OPT_INDENT_2) + b"\n"
    write_atomically(LocalFileSystem(), output / "results.json", told)
    here.wait_for_all()
    with naming(output):
        for part in output.glob("rows-*.jsonl"):
            part.unlink(missing_ok=True)
    return compact


def warnings_of(results: Mapping[str, Any], settings: GuidedSettings, counts: ScoringCounts) -> Iterator[str]:
    """What the user should look at, in words."""
    if counts.calls and results["unscored"]:
        yield (
            f"{counted(results['unscored'], 'candidate')} could not be scored, and came behind all others: the log's "
            "`scores` records say why"
        )
    if counts.low == counts.high and counts.solutions > 1:
        yield f"the scorer gave every step the score {counts.low:g}: it guided nothing"
    if empty := results.get("without_candidate"):
        yield (
            f"{counted(empty, 'question has', 'questions have')} no finished solution within "
            f"max_new_tokens {settings.max_new_tokens}, max_steps {settings.max_steps} "
            f"and token_budget {settings.token_budget or 'none'}"
        )
    if results["lost"]:
        yield f"{counted(results['lost'], 'draw was', 'draws were')} lost: the engine failed in every try"
    if results["unjudged"]:
        yield f"not judged, and so wrong: {counted(results['unjudged'], 'answer')}"
