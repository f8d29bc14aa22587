"""The job behind `omega eval ledger-sets`: benchmarks of the embedded task, written as the published ones are."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from omega_fast.eval.ledger_sets import (
    LENGTHS,
    of_length,
    prmbench_rows,
    processbench_rows,
    sampled_row,
    subset_questions,
)
from omega_fast.records import Question
from omega_fast.store.files import LocalFileSystem, naming, write_atomically
from omega_fast.store.formats.files import write_rows
from omega_fast.summary import LedgerSets
from omega_fast.tasks.ledger import Skin, Split, plain_telling

__all__ = ["make_ledger_sets"]

_SUBSETS: tuple[Split, ...] = ("validation", "test", "long")
_TRIES = 4


def make_ledger_sets(
    output: Path,
    *,
    rows: int = 400,
    questions: int = 40,
    samples: int = 64,
    seed: int = 0,
    skin: Skin = "plain",
) -> LedgerSets:
    """Write `processbench/{validation,test,long}.json`, `prmbench.jsonl` and `best-of-n/operations-N.jsonl`.

    Equal arguments give equal files on one machine with one version of torch: the policy is sampled at temperature 1.

    Args:
        output: The folder; files of the same names are replaced.
        rows: Rows of each ProcessBench subset; `long` holds lengths the policy was not trained on.
        questions: Questions of each length from 2 to 8 operations, in PRMBench's and best-of-N's files.
        samples: Samples a question for best-of-N.
        seed: Of problems, samples and planted errors.
        skin: How the problems are told. The embedded policy is told a story in plain words.

    Raises:
        ConfigError: There are not so many different problems.
        StoreError: A file cannot be written.
    """
    from omega_fast.backends.checkpoint import without_progress_bars  # noqa: PLC0415 - it loads torch
    from omega_fast.models.ledger_policy.policy import LedgerPolicy  # noqa: PLC0415 - so does this

    began = time.monotonic()
    with without_progress_bars():
        policy = LedgerPolicy()
    sizes: dict[str, int] = {}

    def drawn(asked: Sequence[Question], n: int, draw_seed: int) -> list[list[list[str]]]:
        told = [plain_telling(q.problem) for q in asked for _ in range(n)]
        found = policy.continue_all([(each.text, ()) for each in told], seed=draw_seed)
        flat = [[each.back(line) for line in lines] for each, lines in zip(told, found, strict=True)]
        return [flat[at * n : (at + 1) * n] for at in range(len(asked))]

    def write(name: str, made: Iterator[dict[str, Any]]) -> None:
        with naming(output):
            (output / name).parent.mkdir(parents=True, exist_ok=True)
        sizes[name] = write_rows(output / name, made)

    for at, split in enumerate(_SUBSETS):
        asked = subset_questions(split, rows, seed, skin)
        write(
            f"processbench/{split}.json",
            processbench_rows(split, rows, asked, drawn(asked, _TRIES, seed * 1000 + at), seed),
        )
    by_length = {operations: of_length(operations, questions, seed, skin) for operations in LENGTHS}
    write("prmbench.jsonl", prmbench_rows(chain.from_iterable(by_length.values()), seed))
    for operations, asked in by_length.items():
        solutions = drawn(asked, samples, seed * 1000 + 100 + operations)
        made = (sampled_row(*each) for each in zip(asked, solutions, strict=True))
        write(f"best-of-n/operations-{operations}.jsonl", made)
    result = LedgerSets(output=output, sizes=sizes, seed=seed, seconds=time.monotonic() - began)
    told = json.dumps({**result.to_dict(), "samples": samples, "skin": skin}, indent=2) + "\n"
    write_atomically(LocalFileSystem(), output / "sets.json", told.encode())
    return result
