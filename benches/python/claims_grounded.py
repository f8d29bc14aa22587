"""Measures the figures of tool-verified search: a line each, `claim-N figure=.. bar=.. ok|short|absent`.

The SymPy tool on all annotations of GSM8K's solutions and on the equations of MATH-500's; `--rows` takes fewer of each.
Then ledger problems from roots to conversations, with the embedded policy and the executor, plain and as stories,
against exact truth; labels by tool, judge and Monte Carlo at equal tokens; and what tests show.
With `--recipe FOLDER` the recipe of all stages instead, from problems to guided search over HTTP; it goes on in that
folder.
"""

from __future__ import annotations

import argparse
import json
import operator
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import sympy
from latex2sympy2_extended import latex2sympy

from claims_by_test import passes_of
from claims_omega_prm import DATA, OMEGA, claim
from grounded_labels import compare, compare_generative
from math_equations import annotations, corrupted, equations, exact
from omega_fast.grounded.constructing import construct_training
from omega_fast.grounded.extracting import extract_paths
from omega_fast.grounded.filtering import filter_paths
from omega_fast.grounded.root_job import write_roots
from omega_fast.grounded.search_job import run_search
from omega_fast.grounded.search_settings import SearchSettings
from omega_fast.grounded.settings import GroundedSettings
from omega_fast.store.formats import FORMATS
from omega_fast.tasks.ledger import Skin, first_error
from omega_fast.verifiers.tools import Finding, Tool, open_tool

LEAST_CAUGHT = 0.99
MOST_SHOWN = 20
PARTIAL = 3
POSITIVES = "test_positives_are_the_same_in_this_thread_in_another_one_and_in_many"
SLOW = "test_the_files_are_the_same_whatever_is_slow_and_how_many_run_at_once"
HOSTILE_JUDGE = "test_a_hostile_judge_and_a_silent_tool_give_no_label"
INJECTED = "test_a_verdict_injected_into_a_step_stays_inside_its_marks"
RECIPE = Path(__file__).parents[2] / "recipes" / "grounded_prm.yaml"
_ORDERED = re.compile(r"[<>]|\\[gl]eq?\b|\\approx|\\equiv")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, help="rows of each file, instead of all")
    parser.add_argument("--problems", type=int, default=100, help="ledger problems")
    parser.add_argument("--compared", type=int, default=30, help="of these, those labelled in every way")
    parser.add_argument(
        "--trained-on", type=int, default=60, help="of other problems, those a judge learns from"
    )
    parser.add_argument("--recipe", type=Path, help="run the recipe of all stages in this folder")
    parser.add_argument("--set", action="append", default=[], help="NAME=VALUE of the recipe")
    asked = parser.parse_args()
    if asked.recipe is not None:
        recipe(asked.recipe, asked.set, asked.compared)
        return
    with open_tool("sympy") as tool:
        gsm8k(tool, asked.rows)
        math500(tool, asked.rows)
    ledger(asked.problems, "plain")
    ledger(asked.problems // 2, "story")
    with tempfile.TemporaryDirectory() as name:
        compare(Path(name), asked.compared, asked.trained_on)
    shown_by_tests()


def gsm8k(tool: Tool, rows: int | None) -> None:
    """All annotations, and corrupted copies of them that are false in exact arithmetic, rounding left out."""
    files = [DATA / "gsm8k" / name for name in ("train.jsonl", "test.jsonl")]
    if not all(file.is_file() for file in files):
        claim("g1", None, None, f"needs the data folder at {DATA}")
        return
    found = [each for file in files for row in _rows(file, rows) for each in annotations(row["answer"])]
    started = time.monotonic()
    counts, disagreeing = _counted(tool, found)
    _claim_counts("g1", counts, disagreeing, "annotations of GSM8K's solutions, train and test")
    rounded = sum(exact(each) is False for each in found)
    claim("g1d", rounded, None, "of these annotations are not exact: their result is rounded")
    rng = random.Random(8)
    copies = [
        (kind, copy)
        for each in found
        for kind, copy in corrupted(each, rng)
        # `0 * 5` with another digit for 5 is no error; what is true after rounding alone counts as one
        if exact(copy) is False
    ]
    _claim_caught("g2", tool, copies, "corrupted annotations called wrong")
    claim(
        "g3", time.monotonic() - started, None, f"seconds for {len(found) + len(copies)} queries, one worker"
    )


def math500(tool: Tool, rows: int | None) -> None:
    """Neighbouring sides of the equations in the solutions, as they stand and corrupted."""
    file = DATA / "math500" / "test500.jsonl"
    if not file.is_file():
        claim("g4", None, None, f"needs the data folder at {DATA}")
        return
    found = [each for row in _rows(file, rows) for each in equations(row["solution"])]
    counts, disagreeing = _counted(tool, found)
    _claim_counts("g4", counts, disagreeing, "equations taken from MATH-500's solutions")
    rng = random.Random(8)
    right = sorted({each for each in found if tool.check(each).finding is Finding.RIGHT})
    claim("g4d", len(right), None, "different equations among those that are right")
    # An equation that holds for all values is asked as what it is, an identity
    copies = [
        (kind, f"for all: {copy}")
        for each in right
        # The other half of a chain of two signs may stay true
        if not _ORDERED.search(each)
        for kind, copy in corrupted(each, rng)
        if not _still_true(copy)
    ]
    _claim_caught("g5", tool, copies, "corrupted copies of the right ones called wrong, asked as identities")


SHOWN: tuple[tuple[str, tuple[str, ...], str], ...] = (
    (
        "g9a",
        ("tests/grounded/test_search_rule.py",),
        "every selection and value of a search is that of a plain program with UCT at every depth; depth beyond 2",
    ),
    (
        "g9b",
        ("tests/grounded/test_search.py::" + POSITIVES, "tests/grounded/test_search.py::" + SLOW),
        "positives are the same in this thread, another one and many, and whatever is slow",
    ),
    (
        "g10",
        (
            "tests/grounded/test_hostile_tools.py",
            "tests/grounded/test_canaries.py",
            "tests/grounded/test_search.py::" + HOSTILE_JUDGE,
            "tests/grounded/test_search.py::" + INJECTED,
            "tests/verifiers/tools/test_wolfram_tool.py",
            "tests/verifiers/tools/test_tool_opening.py",
        ),
        "hostile judges and tools, and a verdict injected into a step, give cannot say and no label; canaries too",
    ),
)


def shown_by_tests() -> None:
    """Count the tests behind what is no measurement."""
    for name, paths, what in SHOWN:
        claim(name, *passes_of(Path(sys.executable), paths), f"tests passed: {what}")


def ledger(problems: int, skin: Skin) -> None:
    """Roots, trees, paths, conversations; a conversation is true if its first wrong step is the exact one."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        root = write_roots("ledger", folder / "root.json", GroundedSettings(), most=problems, skin=skin)
        done = run_search(root.path, folder / "out", GroundedSettings(), SearchSettings())
        extracted = extract_paths(root.path, folder / "out" / "mcts_tree", folder / "syn_data.json")
        filtered = filter_paths(extracted.path, folder / "fixed_data.json")
        made = construct_training(filtered.path, folder / "train")
        found = [each for _, each in FORMATS["grounded-chat"].read_solutions(made.path)]
    stages = {"extracted": extracted, "filtered": filtered, "constructed": made}
    name = "g6" if skin == "plain" else "g6-story-"
    claim(f"{name}a", done.searched, problems, f"{skin} ledger problems searched, without any other model")
    claim(f"{name}b", done.counts["depth of the deepest node"], 2, "depth of the deepest node", operator.gt)
    for letter, (what, counts) in zip("cde", stages.items(), strict=True):
        adds_up = counts.read == counts.kept + counts.rejected.total()
        claim(
            f"{name}{letter}", counts.kept, None, f"{what} of {counts.read}; rejected {dict(counts.rejected)}"
        )
        claim(f"{name}{letter}-sum", adds_up, True, "kept and rejected add up")
    true = sum(_is_true(each.question, each.steps, each.first_error) for each in found)
    what = f"share of {len(found)} conversations whose first wrong step is exact"
    claim(f"{name}f", true / len(found), 1.0, what)
    for letter, (right, said) in zip("gh", ((True, Finding.RIGHT), (False, Finding.WRONG)), strict=True):
        share = done.canaries.share("finding", right=right, said=said)
        truth = "right" if right else "wrong"
        claim(f"{name}{letter}", share.value, 1.0, f"share of {share.total} {truth} canaries called so")


def recipe(folder: Path, settings: Sequence[str], compared: int) -> None:
    """The recipe of all stages: what each kept and rejected, its judge's F1, guided search, and labels by it."""
    changed = [word for each in settings for word in ("--set", each)]
    ended = subprocess.run([str(OMEGA), "pipeline", str(RECIPE), "-o", str(folder), *changed], check=False)
    if ended.returncode not in (0, PARTIAL):
        claim("g7", None, None, f"the recipe ended with code {ended.returncode}")
        return
    told = {path.stem: json.loads(path.read_bytes())["result"] for path in (folder / "stages").glob("*.json")}
    root, searched = told["root"], told["search"]
    claim(
        "g7a",
        root["roots"] + root["quarantined"],
        root["read"],
        "roots and quarantined are the problems read",
    )
    failed = sum(searched["failed"].values())
    claim("g7b", searched["searched"] + failed, searched["problems"], "searched and failed are the problems")
    came = None
    for name in ("extract", "filter", "construct"):
        counts = told[name]
        adds_up = counts["kept"] + sum(counts["rejected"].values())
        claim(f"g7c-{name}", adds_up, counts["read"], f"kept {counts['kept']}, rejected {counts['rejected']}")
        if came is not None:
            claim(f"g7d-{name}", counts["read"], came, "read is what the stage before kept")
        came = counts["kept"]
    data = told["train"]["data"]
    used = (
        data["train"]["rows"] + data["held_out"]["rows"] + data["duplicates"] + sum(data["faults"].values())
    )
    claim("g7e", used, came, "learnt, held out, dropped and unusable are the conversations")
    for name, figure in _first_errors(told["judged"]["results"]).items():
        claim(f"g7f-{name}", figure, None, f"{name} of the judge on held-out solutions, in torch")
    with tempfile.TemporaryDirectory() as name:
        compare_generative(Path(name), compared, folder / "merge" / "judge")
    served = told["served"]
    if "skipped" in served:
        claim("g9", None, None, f"nothing over HTTP: {served['skipped']}")
        return
    greedy, majority, guided, unguided = (served["results"][str(at)]["results"] for at in range(1, 5))
    claim("g9a", greedy["average_f1"], None, "F1 over HTTP, greedy")
    claim("g9b", majority["average_f1"], None, "F1 over HTTP, majority of 8")
    alike = abs(greedy["average_f1"] - told["judged"]["results"]["average_f1"])
    claim("g9c", alike, 0.05, "by how much F1 over HTTP differs from that in torch", operator.le)
    ours, theirs = guided["accuracy"]["naive"], unguided["accuracy"]["naive"]
    claim(
        "g10a", _value(ours), _value(theirs), "right by guided greedy search, at least unguided", operator.ge
    )
    claim("g10b", guided["tokens_a_question"], None, "tokens a question of guided greedy search")
    claim("g10c", unguided["tokens_a_question"], None, "tokens a question of unguided greedy search")


def _first_errors(results: dict[str, Any]) -> dict[str, float]:
    subset = results["subsets"]["test"]
    steps = results["steps"]
    return {
        "F1": subset["f1"],
        "found": subset["acc_err"],
        "left alone": subset["acc_ok"],
        "AUROC": steps["auroc"],
    }


def _value(figure: Any) -> float:
    """A share that may come with its bounds."""
    return float(figure["value"] if isinstance(figure, dict) else figure)


def _is_true(question: str, steps: Sequence[str], labelled: int | None) -> bool:
    exactly = first_error(question, [step.strip() for step in steps])
    return labelled == (exactly if 0 <= exactly < len(steps) else None)


def _rows(file: Path, most: int | None) -> Iterator[dict[str, str]]:
    with file.open() as lines:
        for number, line in enumerate(lines):
            if most is None or number < most:
                yield json.loads(line)


def _counted(tool: Tool, queries: Iterable[str]) -> tuple[Counter[Finding], list[str]]:
    counts: Counter[Finding] = Counter()
    disagreeing: list[str] = []
    for query in queries:
        answer = tool.check(query)
        counts[answer.finding] += 1
        if answer.finding is Finding.WRONG:
            disagreeing.append(f"{query}   ({answer.reason})")
    return counts, disagreeing


def _claim_counts(name: str, counts: Counter[Finding], disagreeing: list[str], what: str) -> None:
    total = sum(counts.values())
    for letter, finding in zip("abc", Finding, strict=True):
        claim(f"{name}{letter}", counts[finding], None, f"{finding.replace('_', ' ')} of {total} {what}")
    for each in disagreeing[:MOST_SHOWN]:
        print(f"  wrong: {each}", flush=True)


def _claim_caught(name: str, tool: Tool, copies: list[tuple[str, str]], what: str) -> None:
    caught: Counter[str] = Counter()
    missed: list[str] = []
    for kind, copy in copies:
        answer = tool.check(copy)
        caught[kind] += answer.finding is Finding.WRONG
        if answer.finding is not Finding.WRONG:
            missed.append(f"{kind} {copy}   ({answer.finding}: {answer.reason})")
    kinds = Counter(kind for kind, _ in copies)
    share = caught.total() / len(copies) if copies else None
    claim(f"{name}", share, LEAST_CAUGHT, f"share of {len(copies)} {what}", operator.ge)
    for kind, count in kinds.items():
        claim(f"{name}-{kind}", caught[kind] / count, None, f"share of {count} with another {kind}")
    for each in missed[:MOST_SHOWN]:
        print(f"  missed: {each}", flush=True)


def _still_true(equation: str) -> bool:
    """Whether another parser, and values alone, find the two sides of a corrupted copy equal."""
    left, _, right = (
        equation.replace(r"\boxed", "").replace(r"^\circ", r" \cdot \frac{\pi}{180}").partition(" = ")
    )
    try:
        sides = [latex2sympy(side) for side in (left, right)]
        symbols = sorted(set().union(*(side.free_symbols for side in sides)), key=str)
        differences = []
        for number in range(3):
            point = {
                symbol: sympy.Rational(137 + 29 * number, 100 + place) for place, symbol in enumerate(symbols)
            }
            differences.append(abs(complex((sides[0] - sides[1]).subs(point).evalf(30))))
    except Exception:  # what cannot be read so counts as an error
        return False
    return max(differences) < 1e-12


if __name__ == "__main__":
    main()
