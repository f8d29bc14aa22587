"""A process to be killed: appends numbered records to a run for ever, printing how many are acknowledged."""

import itertools
import sys
from pathlib import Path

from omega_fast.store.files import LocalFileSystem
from tests.store.helpers import open_run, small_segments


def main(path: Path, start: int, group: int) -> None:
    options = small_segments(20_000, group_lines=group, compress=group % 2 == 0)
    with open_run(path, options=options, files=LocalFileSystem()) as run:
        acknowledged = run.acknowledged
        for value in itertools.count(start):
            run.append("value", {"value": value, "text": "x" * (value % 97)})
            if run.acknowledged > acknowledged:
                acknowledged = run.acknowledged
                print(acknowledged, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
