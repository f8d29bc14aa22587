"""Every bar of the project: runs its benchmarks and writes `results.json` beside this file, one line a figure.

A benchmark prints `P4 figure=.. baseline=.. bar=.. ok|short|absent | what`; everything else it prints is passed on.
The status is 1 if a figure is short or a benchmark failed, whose line is `absent` with the reason. What this machine
cannot measure is `absent` too, and no failure. Figures of bars that are not run are kept.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).with_name("results.json")
VLLM = Path(".venv-vllm/bin/python")
CARGO = ("cargo", "run", "--release", "--quiet")
LINE = re.compile(
    r"^(?P<bar>P\d+)(?P<part>[a-z]?) figure=(?P<figure>\S+) baseline=(?P<baseline>\S+) bar=(?P<limit>\S+) "
    r"(?P<verdict>ok|short|absent)(?: \| (?P<what>.+))?$"
)
MEANT = re.compile(r"^P\d+[a-z]? figure=")

Line = dict[str, str]


@dataclass(frozen=True, slots=True)
class Part:
    """A command that prints lines of bars.

    Attributes:
        full: The command at the stated size.
        quick: What is put behind it instead of `sized`, for a smaller size; `None` where there is but one size.
        sized: What is put behind it at the stated size.
        needs: The program it needs, where not every machine has it.
        hint: How to get that.
    """

    full: tuple[str, ...]
    quick: tuple[str, ...] | None = None
    sized: tuple[str, ...] = ()
    needs: Path | None = None
    hint: str = ""

    def command(self, *, quick: bool) -> tuple[str, ...]:
        """What is run."""
        return (*self.full, *(self.sized if self.quick is None or not quick else self.quick))


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar: what is measured, how long it takes here, and by which commands.

    Attributes:
        what: In a few words.
        minutes: Of the stated and of the quick size, on two cores, as the help gives them.
        parts: The commands; one that several bars share is run once.
        absent: Why there is nothing to run.
    """

    what: str
    minutes: tuple[str, str] = ("", "")
    parts: tuple[Part, ...] = ()
    absent: str = ""


def _rust_bench(name: str) -> Part:
    return Part((*CARGO, "-p", "omega-bench", "--bin", name))


def _simulation(name: str, **sizes: Any) -> Part:
    return Part((*CARGO, "-p", "omega-sim", "--example", name, "--"), **sizes)


def _python(name: str, *arguments: str, **sizes: Any) -> Part:
    return Part((sys.executable, f"benches/python/{name}.py", *arguments), **sizes)


def _vllm(name: str, *arguments: str, **sizes: Any) -> Part:
    command = (str(VLLM), f"benches/python/{name}.py", *arguments)
    return Part(command, **sizes, needs=VLLM, hint="make setup-vllm")


_PUMP = _python("bench_pump", quick=("40",))
_FEW = ("--questions", "12", "--rounds", "1", "--others", "0")

BARS: dict[str, Bar] = {
    "P1": Bar(
        "rollouts per exactly located first error, beside the published searches",
        ("20", "2"),
        (_simulation("p1", quick=("5", "questions=50")),),
    ),
    "P2": Bar("slot-time that entered a decision", ("2", "2"), (_simulation("slots"),)),
    "P3": Bar(
        "generated tokens a second over the bare engine's",
        ("25", "3"),
        (
            _python("bench_p3", "--engine", "transformers", quick=_FEW),
            _vllm("bench_p3", "--engine", "vllm", quick=_FEW),
        ),
    ),
    "P4": Bar(
        "the tree search beside other implementations", ("4", "4"), (_rust_bench("p4"), _python("plain_mcts"))
    ),
    "P5": Bar("selection from the pool of candidates", ("1", "1"), (_rust_bench("p5"),)),
    "P6": Bar(
        "our own CPU for a request",
        ("2", "1"),
        (
            _python("bench_p6", quick=("--questions", "6", "--rounds", "2")),
            _vllm("bench_p6", "--vllm-only", quick=("--questions", "6", "--rounds", "2")),
        ),
    ),
    "P7": Bar(
        "tokens that training on packed trees saves, of the most it can",
        ("1", "1"),
        (_python("bench_p7", quick=("--questions", "30")),),
    ),
    "P8": Bar(
        "recorded responses decided again", ("4", "1"), (_simulation("endurance", sized=("P8",)), _PUMP)
    ),
    "P9": Bar(
        "memory over 100,000 questions",
        ("10", "2"),
        (_simulation("endurance", sized=("P9",), quick=("P9", "20000")),),
    ),
    "P10": Bar("responses a second through one driver", ("3", "1"), (_PUMP,)),
}


@dataclass(slots=True)
class Measured:
    """What the commands run so far have printed, so that one that several bars share is run once."""

    quick: bool
    lines: dict[tuple[str, ...], list[Line]]

    def of(self, name: str, bar: Bar) -> list[Line]:
        """The lines of a bar, with those that say what is absent."""
        if bar.absent:
            return [absent(name, bar.absent, failed=False)]
        found = []
        for part in bar.parts:
            own = [line for line in self._of_part(name, part) if line["bar"] == name]
            found += own or [absent(name, f"{_said(part.command(quick=self.quick))} printed no line of it")]
        return found

    def _of_part(self, name: str, part: Part) -> list[Line]:
        command = part.command(quick=self.quick)
        if part.needs is not None and not (ROOT / part.needs).exists():
            why = f"{_said(command)}: there is no {part.needs}, which `{part.hint}` makes"
            return [absent(name, why, failed=False)]
        if command not in self.lines:
            self.lines[command], problem = run(command, size="quick" if self.quick and part.quick else "full")
            if problem:
                return [*self.lines.pop(command), absent(name, problem)]
        return self.lines[command]


def run(command: Sequence[str], *, size: str) -> tuple[list[Line], str]:
    """The lines of a command, printed as they come, and what went wrong: a line that is not quite one does."""
    found: list[Line] = []
    unread = ""
    try:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    except OSError as error:
        return [], f"{_said(command)} did not start: {error}"
    with process:
        for text in process.stdout or ():
            match = LINE.match(text.rstrip("\n"))
            if match is None:
                print(text, end="", flush=True)
                unread = unread or (text.rstrip("\n") if MEANT.match(text) else "")
                continue
            line = {**match.groupdict(default=""), "size": size}
            found.append(line)
            show(line)
    if process.returncode:
        return found, f"{_said(command)} ended with status {process.returncode}"
    return found, f"{_said(command)} printed a line that cannot be read: {unread}" if unread else ""


def absent(name: str, why: str, *, failed: bool = True) -> Line:
    """The line of what was not measured, printed; `failed` where it should have been."""
    line = {
        "bar": name,
        "part": "",
        "figure": "none",
        "baseline": "none",
        "limit": "none",
        "verdict": "absent",
    }
    line |= {"what": why, "size": "failed" if failed else "none"}
    show(line)
    return line


def show(line: Line) -> None:
    """A line as its benchmark printed it, with the size where that is not the stated one."""
    size = " (quick size)" if line["size"] == "quick" else ""
    behind = f" | {line['what']}{size}" if line["what"] or size else ""
    print(
        f"{line['bar']}{line['part']} figure={line['figure']} baseline={line['baseline']} bar={line['limit']} "
        f"{line['verdict']}{behind}",
        flush=True,
    )


def failed(lines: Sequence[Line]) -> bool:
    """Whether a figure is short, or was to be measured and was not."""
    return any(line["verdict"] == "short" or line["size"] == "failed" for line in lines)


def main(given: Sequence[str], bars: Mapping[str, Bar] = BARS, results_file: Path = RESULTS) -> int:
    """Runs the bars that are wanted; the exit status says whether one is short or failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=_table(bars), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bars", nargs="*", metavar="BAR", help="such as P2 P8; all by default")
    parser.add_argument("--quick", action="store_true", help="smaller sizes, for a look; lines say so")
    asked = parser.parse_args(given)
    if unknown := set(asked.bars) - set(bars):
        print(
            f"no such bar: {', '.join(sorted(unknown))}\nhint: there are {', '.join(bars)}", file=sys.stderr
        )
        return 2
    results: dict[str, list[Line]] = json.loads(results_file.read_text()) if results_file.exists() else {}
    measured, wanted = Measured(asked.quick, {}), list(dict.fromkeys(asked.bars or bars))
    for name in wanted:
        began = time.monotonic()
        results[name] = measured.of(name, bars[name])
        print(f"{name} took {(time.monotonic() - began) / 60:.1f} minutes", file=sys.stderr)
        # Written after each, so that an interrupted run keeps what it measured.
        lines = [f'"{each}": {json.dumps(results[each])}' for each in sorted(results, key=_number)]
        written = results_file.with_suffix(".part")
        written.write_text("{\n" + ",\n".join(lines) + "\n}\n")
        written.replace(results_file)
    return int(any(failed(results[name]) for name in wanted))


def _number(name: str) -> int:
    return int(name.removeprefix("P"))


def _said(command: Sequence[str]) -> str:
    return " ".join("python" if word == sys.executable else word for word in command)


def _table(bars: Mapping[str, Bar]) -> str:
    rows = [
        f"  {name:<4} {bar.what}"
        + (f": {bar.absent}" if bar.absent else ", about {} / {}".format(*bar.minutes))
        for name, bar in bars.items()
    ]
    return "\n".join(["minutes at the stated size / with --quick, on two cores:", *rows])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
