"""Measures the figures of the search: a line each, `claim-N figure=.. bar=.. ok|short|absent`; five minutes of a core.

Every strategy searches the same problems of the embedded task, judged by its exact truth; the recordings then serve the
claims about replay, budgets and the forecast. `--questions` takes fewer problems, `--only 1 5` these parts alone. What
is measured in simulated worlds and against other programs, P1 to P10, is in `make bars`.
"""

from __future__ import annotations

import argparse
import operator
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bench_forecast import forecasts, recorded
from claims_by_test import passes_of
from claims_omega_prm import ROOT, claim, omega
from omega_fast.config import LEDGER, resolve
from omega_fast.jobs import annotate
from omega_fast.jobs.demo import check_against_truth
from omega_fast.search.projection import artifacts_path, read_artifacts
from omega_fast.store import Artifacts

STRATEGIES = ("binary", "early_stop", "every_step", "sequential", "bayes")
FEW = 6


@dataclass(frozen=True)
class Recordings:
    """Runs on the first problems of the embedded task, each made when it is asked for first."""

    folder: Path
    questions: int

    def run(self, locate: str) -> Path:
        """The run of a strategy with default settings."""
        run = self.folder / locate
        if not run.exists():
            search(run, self.questions, locate=locate)
        return run

    @cached_property
    def found(self) -> Mapping[str, Found]:
        """What each strategy found."""
        return {locate: Found.of(self.run(locate)) for locate in STRATEGIES}


@dataclass(frozen=True)
class Found:
    """Rollouts that decided, first errors located, and how many of them exactly."""

    rollouts: int
    located: int
    exact: int

    @classmethod
    def of(cls, run: Path) -> Found:
        hits, _ = check_against_truth(read_artifacts(run))
        return cls(sum(each.counts.rollouts for each in read_artifacts(run)), hits.total, hits.hits)

    @property
    def share(self) -> float:
        return self.exact / self.located

    @property
    def per_thousand(self) -> float:
        return 1000 * self.exact / self.rollouts


def search(run: Path, questions: int, **settings: object) -> None:
    """Annotate problems of the embedded task with the embedded policy on one thread."""
    given = {"question_file": LEDGER, "limit": questions, "output_dir": run, "slots": 256, "threads": 1}
    annotate(resolve(preset=LEDGER, env={}, overrides=given | settings))


def strategies(made: Recordings) -> None:
    """Exact first errors per 1,000 rollouts, and the share of exact ones among those located."""
    others = [found for locate, found in made.found.items() if locate != "bayes"]
    for letter, (locate, found) in zip("abcde", made.found.items(), strict=True):
        best = locate == "bayes"
        what = f"{locate}: {found.rollouts} rollouts, {found.located} first errors located"
        claim(
            f"1{letter}",
            found.per_thousand,
            round(max(each.per_thousand for each in others), 1) if best else None,
            f"exact first errors per 1,000 rollouts, {what}{'; at least the best of the others' if best else ''}",
            operator.ge,
        )
        claim(
            f"1{letter}-exact",
            found.share,
            round(made.found["binary"].share - 0.03, 4) if best else None,
            f"share of them exactly right, {locate}{'; at most 3 points below binary' if best else ''}",
            operator.ge,
        )


def what_if(made: Recordings) -> None:
    """Recorded runs decided again: how far they reach, and that what is decided is what a run finds."""
    pairs = [("binary", "bayes"), ("every_step", "early_stop"), ("bayes", "binary"), ("bayes", "bayes")]
    for letter, (had, asked) in zip("abcd", pairs, strict=True):
        out = made.folder / f"{had}-as-{asked}"
        told = omega(f"replay --set locate={asked} --output {out}", made.run(had))
        reach = told["reach"]
        whole = had == asked
        claim(
            f"2{letter}",
            reach["draws_answered"] / reach["draws_wanted"],
            1.0 if whole else None,
            f"reach of a recorded {had} run as {asked}: of the draws wanted, those in the log",
        )
        decided, real = lines(out), lines(made.run(asked))
        same = sum(real.get(question) == line for question, line in decided.items())
        claim(
            f"2{letter}-same",
            same,
            made.questions if whole else len(decided),
            f"questions decided to their end whose artifacts are those of a real {asked} run, byte for byte",
        )


def lines(run: Path) -> dict[str, bytes]:
    """The artifacts of a run by question."""
    return {
        Artifacts.from_json(line).question.id: line for line in artifacts_path(run).read_bytes().splitlines()
    }


def drained(made: Recordings) -> None:
    """A run that a budget drained goes on to the labels of one that had no budget."""
    recording = recorded(made.run("bayes"), made.questions)
    whole, _ = recording.again(made.folder / "undrained")
    budget = whole.tokens_in_log // 3
    run = made.folder / "drained"
    first, _ = recording.again(run, max_tokens=budget)
    claim("3a", first.tokens_in_log, budget, "tokens a run drained by max_tokens paid, at most", operator.le)
    claim("3b", first.finished < whole.finished, True, "it left questions unfinished")
    recording.again(run, max_tokens=None)
    claim("3c", lines(run) == lines(made.run("bayes")), True, "resumed, it has the labels of a whole run")


def forecast(made: Recordings) -> None:
    """What was forecast after a third of the questions, and what then came.

    Prices of a label and of a first error are from a question's beginning. So they are held against what came where
    questions are searched one or two at a time; where many are open, most of it is paid by then, and what is left of
    the whole run is what can be told.
    """
    recording = recorded(made.run("bayes"), made.questions)
    for letter, count, held in (("a", 1, ""), ("b", 64, "left")):
        found = forecasts(recording, made.folder / f"forecast-{count}", "finish", count)
        told = f"{count} slots, after {found.done} questions, from {found.seen}"
        for each in found.checks:
            claim(f"4{letter}-{each.name.replace(' ', '-')}", each.ratio, None, f"over its forecast, {told}")
        checks = [each for each in found.checks if each.name.endswith(held)]
        inside = sum(each.inside for each in checks) if checks else None
        what = f"forecasts{f' of what is {held}' if held else ''} whose 95 % interval holds what came, {told}"
        claim(f"4{letter}", inside, len(checks), what)


def slots(made: Recordings) -> None:
    """One slot without speculation, and 256 with it."""
    search(made.folder / "one", FEW, slots=1, speculation=0)
    search(made.folder / "many", FEW, slots=256, speculation=1)
    one, many = lines(made.folder / "one"), lines(made.folder / "many")
    same = sum(many.get(question) == line for question, line in one.items())
    claim(
        "5a",
        same,
        FEW,
        "questions with the same bytes for 1 slot and for 256 with speculation, embedded policy",
    )
    by_tests(
        "5b",
        "every strategy, 1, 7 and 256 slots, orders of arrival",
        python=("tests/engine/test_speculation.py",),
    )


def exactness(_: Recordings) -> None:
    """The posterior, the tree search and the counts, each by the tests that hold it."""
    by_tests(
        "6", "the posterior equals brute-force enumeration (1e-9)", rust=("--lib", "locate::bayes::oracle")
    )
    by_tests(
        "7a",
        "PUCT and UCT choose what a plain program chose, step by step on recorded trees",
        rust=("--test", "mcts", "golden"),
        python=("tests/search/test_mcts.py",),
    )
    by_tests("7b", "they find a best line of games solved by enumeration", rust=("--test", "mcts", "games"))
    by_tests(
        "8",
        "visits add up, none stays in flight, cancelled requests are counted nowhere",
        rust=("--test", "mcts", "properties"),
    )


def by_tests(name: str, what: str, *, rust: tuple[str, ...] = (), python: tuple[str, ...] = ()) -> None:
    """How many tests passed, of how many."""
    passed = total = 0
    if rust:
        passed, total = rust_tests(*rust)
    if python:
        here = passes_of(Path(sys.executable), tuple(python))
        passed, total = passed + (here[0] or 0), total + (here[1] or 0)
    claim(name, passed, max(total, 1), f"tests passed: {what}")


def rust_tests(*chosen: str) -> tuple[int, int]:
    """How many of the core's tests passed, and how many there are."""
    command = ["cargo", "test", "--quiet", "-p", "omega-core", *chosen]
    out = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True, cwd=ROOT).stdout
    counts = re.findall(r"^test result: \w+\. (\d+) passed; (\d+) failed", out, re.MULTILINE)
    passed, failed = (sum(int(count[place]) for count in counts) for place in (0, 1))
    return passed, passed + failed


PARTS: Mapping[str, Callable[[Recordings], None]] = {
    "1": strategies,
    "2": what_if,
    "3": drained,
    "4": forecast,
    "5": slots,
    "6": exactness,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=50)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        made = Recordings(Path(name), asked.questions)
        for part in asked.only:
            PARTS[part](made)


if __name__ == "__main__":
    main()
