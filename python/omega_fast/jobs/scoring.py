"""Solutions scored once: a file of scores that is gone on with after an interruption, and shared among processes.

Each process appends to a file of its own, `scores-RANK.jsonl`: first what identifies the scorer, then a line for each
solution, `{"key", "scores"}` or `{"key", "refused"}`. A key is a digest of problem and steps, so a score is never taken
for another text. Whatever any of the files holds is not scored again; a torn last line is cut off.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from omega_fast.errors import BackendError, InputError, RunConflictError, StoreDamagedError
from omega_fast.jobs.ranks import Ranks
from omega_fast.models.scorers.queued import outcomes
from omega_fast.records import StepScorer
from omega_fast.store.files import naming
from omega_fast.store.lines import encode_json

__all__ = ["Columns", "ScoreMany", "Scored", "Solution", "key_of", "probabilities", "score_all"]

Solution = tuple[str, tuple[str, ...]]
"""A problem and the steps of a solution."""

Columns = Mapping[str, list[float]]
"""Names and, for each, a number for every step."""

ScoreMany = Callable[[Sequence[Solution]], Sequence[Columns | InputError]]
"""Scores solutions, or says of each why not; raises `InputError` if the others have to be asked for again."""

_CHUNK = 64


@dataclass(frozen=True, slots=True)
class Scored:
    """What came of scoring.

    Attributes:
        columns: The scores of each solution by its key.
        refused: Why others could not be scored, by their keys.
    """

    columns: Mapping[str, Columns]
    refused: Mapping[str, str]


def key_of(solution: Solution) -> str:
    """A digest of problem and steps."""
    text = json.dumps([solution[0], *solution[1]], ensure_ascii=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def probabilities(scorer: StepScorer) -> ScoreMany:
    """A scorer's word as the column `scores`, one number in [0, 1] a step. Raises as `outcomes` does."""

    def score(solutions: Sequence[Solution]) -> list[Columns | InputError]:
        rows = outcomes(scorer, solutions)
        return [
            row if isinstance(row, InputError) else {"scores": [float(each) for each in row]} for row in rows
        ]

    return score


def score_all(
    solutions: Iterable[Solution],
    score: ScoreMany,
    folder: Path,
    identity: Mapping[str, Any],
    *,
    here: Ranks = Ranks(),  # noqa: B008 - frozen
    on_progress: Callable[[int, int], None] | None = None,
) -> Scored:
    """Score every solution that the folder's files do not hold yet; each process its part, each gets all.

    Args:
        solutions: What to score; what is there twice is scored once.
        score: Called with chunks.
        folder: Where the files are.
        identity: What identifies the scorer, as JSON values; another one's scores are not mixed in.
        here: This process.
        on_progress: Called with how many of this process's solutions are done, and how many it has.

    Raises:
        RunConflictError: The folder holds scores of another scorer.
        StoreDamagedError: A line other than the last of a file cannot be read.
        BackendError: The scorer fails.
    """
    wanted = {key_of(each): each for each in solutions}
    with naming(folder):
        folder.mkdir(parents=True, exist_ok=True)
    known = dict(_read_all(folder, identity))
    mine = [key for at, key in enumerate(wanted) if at % here.size == here.rank and key not in known]
    with naming(folder), _appending(folder / f"scores-{here.rank}.jsonl", identity) as file:
        for begin in range(0, len(mine), _CHUNK):
            chunk = mine[begin : begin + _CHUNK]
            for key, row in zip(chunk, _forgiving(score, [wanted[key] for key in chunk]), strict=True):
                _write(file, {"key": key, **row})
            file.flush()
            if on_progress is not None:
                on_progress(min(len(mine), begin + _CHUNK), len(mine))
    here.wait_for_all()
    rows = {key: row for key, row in _read_all(folder, identity) if key in wanted}
    return Scored(
        {key: row["scores"] for key, row in rows.items() if "scores" in row},
        {key: row["refused"] for key, row in rows.items() if "refused" in row},
    )


def _forgiving(score: ScoreMany, solutions: list[Solution]) -> Iterator[dict[str, Any]]:
    """One line for each solution; where one cannot be scored the others are tried by themselves."""
    try:
        yield from (
            {"refused": found.message} if isinstance(found, InputError) else {"scores": _finite(found)}
            for found in score(solutions)
        )
    except InputError as error:
        if len(solutions) == 1:
            yield {"refused": error.message}
            return
        for each in solutions:
            yield from _forgiving(score, [each])


def _finite(columns: Columns) -> Columns:
    if not all(math.isfinite(number) for column in columns.values() for number in column):
        raise BackendError("the scorer returned a number that is not finite", hint="check its weights")
    return columns


def _write(file: IO[bytes], row: Mapping[str, Any]) -> None:
    file.write(encode_json(row, what="a score") + b"\n")


def _appending(path: Path, identity: Mapping[str, Any]) -> IO[bytes]:
    """The file at its end, a torn last line cut off; a new one begins with the identity."""
    file = path.open("a+b")
    file.seek(0)
    data = file.read()
    file.truncate(data.rfind(b"\n") + 1)
    if not data.rfind(b"\n") + 1:
        _write(file, {"scorer": identity})
    return file


def _read_all(folder: Path, identity: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(folder.glob("scores-*.jsonl")):
        with naming(path, "read"):
            lines = path.read_bytes().split(b"\n")[:-1]
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
                if number > 1:
                    yield row["key"], row
                    continue
                written = row["scorer"]
            except (ValueError, KeyError, TypeError) as error:
                raise StoreDamagedError(
                    f"{path} line {number} is no line of scores: {error}",
                    hint="delete the file; what it held is scored again",
                ) from error
            if written != json.loads(json.dumps(identity)):
                raise RunConflictError(
                    f"{folder} holds scores of another scorer, or of the same one run otherwise",
                    hint="give another folder with --output-dir, or delete this one",
                )
