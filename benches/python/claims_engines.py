"""Measures the figures of the engines: a line each, `claim-N figure=.. bar=.. ok|short|absent`; half an hour of work.

What needs vLLM runs in `.venv-vllm`; without it those lines say `absent`. Rates are of the machine the script runs on,
and ratios of two sides that went A B B A: `--rounds` of them. `--only 3 4c 4e` measures these alone.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from claims_by_test import claims_by_test

BENCHES = Path(__file__).resolve().parent
VLLM = BENCHES.parents[1] / ".venv-vllm" / "bin" / "python"
KEPT = 0.95
CPU_US = 50


def main() -> None:
    """Run every bench and print what it shows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help=", ".join(PARTS)
    )
    arguments = parser.parse_args()
    if "tests" in arguments.only:
        claims_by_test(claim)
    if "3" in arguments.only:
        prefix_cache()
    for letter, engine, model, sizes in RUNS:
        if f"4{letter}" in arguments.only:
            kept_full(letter, engine, model, [*sizes, "--rounds", str(arguments.rounds)])
    if "4e" in arguments.only:
        own_cpu(arguments.rounds)


def prefix_cache() -> None:
    found = measured(VLLM, "bench_prefix_cache.py")
    orders = ("depth_first", "waves", "shuffled")
    for letter, order in zip("abc", orders, strict=True):
        rate = found and found[order]
        bar = found["shuffled"] if found and order != "shuffled" else None
        claim(f"3{letter}", rate, bar, f"of prompt tokens found in the prefix cache, {order}; bar: shuffled")
    for letter, order in zip("def", orders, strict=True):
        rate = found and found[f"{order}_after_header"]
        claim(f"3{letter}", rate, None, f"the same after the shared header, {order}")


LEDGER = ("--questions", "100", "--budget", "60", "--slots", "64")
RANDOM = ("--questions", "12", "--budget", "24", "--slots", "16", "--others", "1")
RUNS = (
    ("a", "vllm", "ledger", LEDGER),
    ("b", "vllm", "random", RANDOM),
    ("c", "transformers", "ledger", LEDGER),
    ("d", "transformers", "random", RANDOM),
)
PARTS = ("tests", "3", *(f"4{letter}" for letter, *_ in RUNS), "4e")


COUNTS = (
    "turns_over_bare",
    "keys_over_bare",
    "own_share_of_cpu",
    "own_cpu_us_a_draw",
    "engine_cpu_us_a_draw",
)


def kept_full(letter: str, engine: str, model: str, sizes: list[str]) -> None:
    """P3 on one engine and model."""
    python = VLLM if engine == "vllm" else Path(sys.executable)
    found = measured(python, "bench_p3.py", "--engine", engine, "--model", model, *sizes)
    what = f"P3: tokens/s over those of the bare engine, {engine}, {model} policy"
    claim(f"4{letter}", found and found["ratio"], KEPT, what)
    for name in (
        "cpu_ratio",
        "tokens_per_s",
        "bare_tokens_per_s",
        "share_of_time_with_full_slots",
    ):
        claim(f"4{letter}-{name}", found and found[name], None, f"{engine}, {model} policy")
    for name in COUNTS:
        if found is not None and name in found:
            claim(f"4{letter}-{name}", found[name], None, f"{engine}, {model} policy")
    for name, times in (found or {}).get("times_faster_than", {}).items():
        claim(
            f"4{letter}-times-{name}", times, KEPT, f"tokens/s over those of {name}, {engine}, {model} policy"
        )


def own_cpu(rounds: int) -> None:
    """P6, and what lies outside of it."""
    found = measured(Path(sys.executable), "bench_p6.py", "--rounds", str(rounds))
    size = f"{found['prompt_tokens']} prompt tokens, {found['tokens_back']} back" if found else ""
    claim("4e", found and found["ours"], CPU_US, f"P6: our CPU for a request, us, {size}", least=False)
    claim("4f", found and found["baseline"], None, "the same loop without omega_fast, us")
    claim("4g", found and found["over_baseline"], CPU_US, "the difference, us", least=False)
    claim("4h", found and found["with_log"], None, "with the log, encoded and written, us")
    claim("4i", found and found["with_verifier"], None, "with the verifier of answers, us")
    for stage, cost in (found or {}).get("stages", {}).items():
        claim(f"4j-{stage}", cost, None, "by stage, us, with a clock around every call")


def measured(python: Path, bench: str, *arguments: str) -> dict[str, Any] | None:
    """The JSON that a bench ends with; `None` where its environment is missing or the bench fails."""
    if not python.is_file():
        return None
    done = subprocess.run(
        [str(python), "-W", "ignore", str(BENCHES / bench), *arguments],
        check=False,
        stdout=subprocess.PIPE,
        text=True,
    )
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        print(f"{bench} failed with code {done.returncode}", file=sys.stderr)
        return None
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def claim(name: str, figure: float | None, bar: float | None, what: str, *, least: bool = True) -> None:
    """Print one line; a claim without a bar always holds."""
    word = "absent" if figure is None else "ok"
    if figure is not None and bar is not None and (figure < bar if least else figure > bar):
        word = "short"
    print(f"claim-{name} figure={figure} bar={bar} {word}  {what}", flush=True)


if __name__ == "__main__":
    main()
