"""Every bar of the project: runs its benchmark and writes `results.json` beside this file, one line a figure.

A benchmark prints `P4 figure=.. baseline=.. bar=.. ok|short|absent | what`; everything else it prints is passed on.
Arguments name the bars to run, as in `python benches/bars.py P4 P5`; without any, all are run. The figures of bars that
are not run are kept.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).with_name("results.json")
CARGO = ["cargo", "run", "--release", "--quiet"]

# A bar is one entry: its name, and the commands that print its lines.
BARS: dict[str, list[list[str]]] = {
    "P2": [[*CARGO, "-p", "omega-sim", "--example", "slots"]],
    "P4": [
        [*CARGO, "-p", "omega-bench", "--bin", "p4"],
        [sys.executable, "benches/python/plain_mcts.py"],
    ],
    "P5": [[*CARGO, "-p", "omega-bench", "--bin", "p5"]],
}
LINE = re.compile(
    r"^(?P<bar>P\d+) figure=(?P<figure>\S+) baseline=(?P<baseline>\S+) bar=(?P<limit>\S+) "
    r"(?P<verdict>ok|short|absent)(?: \| (?P<what>.*))?$"
)


def run(bar: str) -> list[dict[str, str]]:
    """The lines of a bar, printed as they come; one `absent` line if its benchmark fails."""
    found = []
    for command in BARS[bar]:
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            for text in process.stdout or ():
                print(text, end="", flush=True)
                if match := LINE.match(text.rstrip("\n")):
                    found.append(match.groupdict(default=""))
        if process.returncode:
            what = f"{' '.join(command)} ended with status {process.returncode}"
            found.append({"bar": bar, "figure": "none", "verdict": "absent", "what": what})
            print(f"{bar} figure=none baseline=none bar=none absent | {what}")
    return found


def main(wanted: list[str]) -> int:
    """Runs the bars that are wanted; the exit status says whether one is short."""
    if unknown := set(wanted) - set(BARS):
        print(
            f"no such bar: {', '.join(sorted(unknown))}\nhint: there are {', '.join(BARS)}", file=sys.stderr
        )
        return 2
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for bar in wanted or BARS:
        results[bar] = run(bar)
        # Written after each, so that an interrupted run keeps what it measured.
        lines = [f'"{name}": {json.dumps(results[name])}' for name in sorted(results)]
        written = RESULTS.with_suffix(".part")
        written.write_text("{\n" + ",\n".join(lines) + "\n}\n")
        written.replace(RESULTS)
    return int(any(line["verdict"] == "short" for bar in wanted or BARS for line in results[bar]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
