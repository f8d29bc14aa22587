"""Peak memory of conversions of a large file: `stream_formats.py [--megabytes 1000]` prints one JSON object a job."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from omega_fast.exchange import convert, import_questions, merge, split

STEPS = [
    f"Step text number {number}, with some reasoning that goes on for a while. " * 4 + "\n"
    for number in range(8)
]


def generate(path: Path, size: int) -> None:
    opening, between, closing = ("[\n", ",\n", "\n]\n") if path.suffix == ".json" else ("", "\n", "\n")
    written = number = 0
    with path.open("w") as file:
        file.write(opening)
        while written < size:
            row = {"prompt": f"Question {number}?", "completions": STEPS, "labels": [True] * 7 + [False]}
            written += file.write((between if number else "") + json.dumps(row))
            number += 1
        file.write(closing)


def peak_of(job: Callable[[], object]) -> dict[str, float]:
    """Run a job in a process of its own; its seconds, its peak memory in MB, and how much of that it added."""
    reader, writer = multiprocessing.Pipe(duplex=False)

    def child() -> None:
        idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began = time.perf_counter()
        job()
        seconds = time.perf_counter() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        writer.send(
            {"seconds": round(seconds, 1), "peak_mb": peak // 1024, "growth_mb": (peak - idle) // 1024}
        )

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    measured = reader.recv()
    process.join()
    return measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1000)
    size = parser.parse_args().megabytes * 1_000_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for suffix in (".jsonl", ".json"):
            source = folder / f"in{suffix}"
            generate(source, size)
            out = folder / f"out{suffix}"
            jobs: list[tuple[str, Callable[[], object]]] = [
                ("convert to math-shepherd", partial(convert, source, out, to="math-shepherd")),
                ("convert to Parquet", partial(convert, source, folder / "out.parquet", to="verl")),
                ("import", partial(import_questions, source, out)),
                ("split", partial(split, source, folder / "parts", 8)),
                ("merge", partial(merge, out, [source])),
            ]
            for called, job in jobs:
                print(json.dumps({"file": suffix, "job": called, **peak_of(job)}), flush=True)
                for path in [*folder.glob("out*"), *folder.glob("parts/*")]:
                    path.unlink()
            source.unlink()


if __name__ == "__main__":
    main()
