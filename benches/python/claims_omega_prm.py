"""Measures the figures of the main job: a line each, `claim-N figure=.. bar=.. ok|short|absent`."""

from __future__ import annotations

import operator
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from omega_fast.errors import OmegaError
from omega_fast.jobs.demo import demo as run_demo
from omega_fast.store import verify as walk
from omega_fast.tasks.read import read_questions

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("OMEGA_DATA", ROOT.parent / "shared" / "data"))
OMEGA = Path(sys.executable).with_name("omega")
KILLS = 20
FLIPS = 200


def claim(
    name: str, figure: object, bar: object, what: str, holds: Callable[[object, object], bool] = operator.eq
) -> None:
    """Print one line; a claim without a bar always holds."""
    word = "absent" if figure is None else "ok" if bar is None or holds(figure, bar) else "short"
    shown = f"{figure:.4g}" if isinstance(figure, float) else figure
    print(f"claim-{name} figure={shown} bar={bar} {word}  {what}", flush=True)


def omega(command: str, folder: Path) -> dict[str, Any]:
    """Run an omega command on a folder, which comes last, and read its JSON."""
    done = subprocess.run(
        [str(OMEGA), *command.split(), str(folder), "--json"], check=False, capture_output=True
    )
    return orjson.loads(done.stdout)


def demo(folder: Path) -> None:
    started = time.monotonic()
    found = omega("demo --limit 100 -o", folder / "demo")
    seconds = time.monotonic() - started
    claim(
        "1a", found["finished"], 100, "ledger questions annotated by the shipped policy on torch", operator.ge
    )
    claim("1b", seconds, 300, "wall seconds, at most", operator.le)
    claim("1c", found["rollouts"], None, "rollouts")
    claim("1d", found["tokens"], None, "tokens")
    claim("1e", found["labels"], None, "labels")
    claim("1f", found["located"], None, "errors located")
    claim("1g", found["exact_hit_accuracy"]["value"], None, "share of located errors exactly right")
    claim("1h", found["hard_label_accuracy"]["value"], None, "share of hard labels right")
    probe = "import sys, omega_fast; print('torch' in sys.modules)"
    loads = subprocess.run(
        [sys.executable, "-c", probe], check=True, capture_output=True, text=True
    ).stdout.strip()
    claim("1i", loads, "False", "import omega_fast loads torch")
    published = run_demo(limit=100, output=folder / "published", locate="binary")
    claim("1j", published.located, None, "errors located with --locate binary, the published search")
    claim("1k", published.rollouts, None, "rollouts that took")
    claim("1l", published.exact_hit_accuracy.value, None, "share of them exactly right")
    claim("1m", published.hard_label_accuracy.value, None, "share of its hard labels right")
    exact = published.exact_hit_accuracy.hits
    here = found["exact_hit_accuracy"]["value"] * found["located"] / found["rollouts"]
    claim(
        "1n",
        1000 * here,
        1000 * exact / published.rollouts,
        "exact first errors per 1,000 rollouts, at least the published search's",
        operator.ge,
    )


def real_input(folder: Path) -> None:
    solutions = DATA / "gsm8k" / "example_model_solutions.jsonl"
    if not solutions.is_file():
        for name in ("2a", "2b", "2c", "2d", "2e", "2f"):
            claim(name, None, None, f"needs the data folder at {DATA}")
        return
    run = folder / "recorded"
    omega(
        f"annotate --question-file {solutions} --model-type recorded --model-name questions --solutions ignore "
        "--num-rollouts 4 --rollout-budget 4 --max-search-count 0 --output-dir",
        run,
    )
    expected, verdicts = recorded_verdicts(solutions, run)
    claim("2a", len(expected), 5276, "real GSM8K solutions judged")
    claim("2b", sum(map(operator.eq, expected, verdicts)), 5276, "verdicts that equal is_correct")
    claim("2c", *read("gsm8k/test.jsonl", 1319), "GSM8K test questions read")
    claim("2d", *read("openr/extracted_problems_and_answers.json", 7500), "openr records read or quarantined")
    found = omega(
        f"annotate --question-file {DATA / 'gsm8k' / 'test.jsonl'} --limit 50 --preset ledger "
        "--model-name ledger-policy --max-new-tokens 64 --threads 1 --slots 256 --output-dir",
        folder / "gsm8k",
    )
    claim("2e", found["finished"], 50, "GSM8K questions annotated by the shipped policy")
    claim("2f", sum(found["verdicts"].values()), found["rollouts"], "their verdicts add up to their rollouts")


def recorded_verdicts(solutions: Path, run: Path) -> tuple[list[bool], list[bool]]:
    """What the data say and what we say, solution by solution."""
    keys = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")
    expected = [
        bool(row[key]["is_correct"])
        for row in map(orjson.loads, solutions.read_bytes().splitlines())
        for key in keys
    ]
    verdicts = [
        rollout["verdict"] == "correct"
        for row in map(orjson.loads, (run / "artifacts.jsonl").read_bytes().splitlines())
        for rollout in sorted(row["rollouts"], key=operator.itemgetter("draw"))
    ]
    return expected, verdicts


def read(name: str, bar: int) -> tuple[int, int]:
    faults: list[object] = []
    return sum(1 for _ in read_questions(DATA / name, quarantine=faults.append)) + len(faults), bar


def simulated() -> None:
    for example in ("planted", "locate"):
        command = ["cargo", "run", "--release", "--quiet", "-p", "omega-sim", "--example", example]
        out = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout
        print("\n".join(re.findall(r"^claim-.*$", out, re.MULTILINE)), flush=True)


def killed(folder: Path) -> None:
    """SIGKILL at random moments, the same command again each time."""
    job = "annotate --question-file ledger --limit 60 --threads 1 --slots 64 --progress none --output-dir"
    omega(job, folder / "whole")
    rng = random.Random(0)
    command = [str(OMEGA), *job.split(), str(folder / "killed")]
    kills = 0
    while kills < KILLS:
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
            try:
                child.wait(timeout=rng.uniform(0.5, 4.0))
                break
            except subprocess.TimeoutExpired:
                child.send_signal(signal.SIGKILL)
                kills += 1
    omega(job, folder / "killed")
    claim("4a", kills, KILLS, "kills at random moments before the run was complete")
    names = sorted(path.name for path in (folder / "whole" / "export").iterdir())
    same = sum(
        (folder / "whole" / "export" / name).read_bytes()
        == (folder / "killed" / "export" / name).read_bytes()
        for name in names
    )
    claim("4b", same, len(names), f"exported files equal to the uninterrupted run's: {', '.join(names)}")


def replayed(folder: Path) -> None:
    run = folder / "killed"
    before = (run / "artifacts.jsonl").read_bytes()
    (run / "artifacts.jsonl").unlink()
    omega("replay", run)
    claim(
        "4c",
        (run / "artifacts.jsonl").read_bytes() == before,
        True,
        "replay rebuilds trees and labels byte for byte",
    )
    claim("4d", verify(run), 0, "exit code of verify")
    log = run / "log" / "000001.jsonl"
    content = log.read_bytes()
    rng = random.Random(1)
    named = 0
    for _ in range(FLIPS):
        place, bit = rng.randrange(len(content)), 1 << rng.randrange(8)
        log.write_bytes(content[:place] + bytes([content[place] ^ bit]) + content[place + 1 :])
        try:
            named += not walk(run).ok
        except OmegaError:
            named += 1
    log.write_bytes(content)
    claim("4e", named, FLIPS, "flipped bits of the log that are named")


def verify(run: Path) -> int:
    return subprocess.run([str(OMEGA), "verify", str(run)], check=False, capture_output=True).returncode


def policy() -> None:
    command = [sys.executable, "-m", "omega_fast.models.ledger_policy.measure"]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = dict(line.split("=", 1) for line in out.splitlines() if re.fullmatch(r"[\w.@]+=[-\d.]+", line))
    print(out, file=sys.stderr)
    share = float(found["right_answers_at_T1"])
    claim(
        "6a",
        0.4 <= share <= 0.7,
        True,
        f"right answers at T=1 on the default problems are 40-70 %: {share:.3f}",
    )
    claim("6b", float(found["lucky_right_answers_at_T1"]), 0.05, "lucky right answers, at most", operator.le)
    claim("6c", float(found["auroc_of_mc8"]), 0.9, "AUROC of MC(8) for prefix rightness", operator.ge)
    gap = max(
        float(found[f"any_wholly_right64_with_{n}_operations"])
        - float(found[f"majority64_with_{n}_operations"])
        for n in range(2, 7)
    )
    claim("6d", gap, 0.15, "largest distance of majority@64 to any wholly right among 64", operator.ge)


def main() -> None:
    simulated()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        demo(folder)
        real_input(folder)
        killed(folder)
        replayed(folder)
    policy()


if __name__ == "__main__":
    main()
