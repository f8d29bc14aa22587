"""Measures the figures of GFlowNet fine-tuning: a line each, `claim-N figure=.. bar=.. ok|short|absent`.

1 exactness of the objectives, 2 what each learns on the embedded task, 3 the sampler's cache, 4 the pipeline, 5 faults
of reward models and questions. `--only 4` measures one of them; `--folder DIR` keeps what is trained and goes on there.
"""

from __future__ import annotations

import argparse
import operator
import tempfile
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from claims_omega_prm import claim
from pipeline_kills import kill_in_each_stage, run_whole

ROOT = Path(__file__).resolve().parents[2]
RECIPE = ROOT / "recipes" / "gflownet.yaml"
MINUTES = 20
SMALL = ("questions=8", "samples=4", "test_questions=8", "updates=10", "eval_samples=4", "eval_seeds=0,1")
"""Sizes at which every stage is killed and resumed: what is asked there is whether it ends the same."""


def pipeline(folder: Path) -> None:
    """The shipped recipe at its own size, timed; at a small size, killed in each stage."""
    began = time.monotonic()
    whole = run_whole(RECIPE, folder / "whole")
    _times(whole, time.monotonic() - began)
    small = run_whole(RECIPE, folder / "small", SMALL)
    killed = kill_in_each_stage(RECIPE, folder / "killed", small, SMALL)
    stages = len(whole)
    claim("4d", sum(each.after > 0 for each in killed), stages, "stages killed by SIGKILL in their midst")
    claim("4e", sum(each.starts > 1 for each in killed), stages, "of these, resumed by the same command")
    claim("4f", sum(len(each.earlier_again) for each in killed), 0, "finished stages that were run again")
    claim(
        "4g",
        sum(each.same for each in killed),
        None,
        "stages whose outputs are the whole run's byte for byte",
    )
    for each in killed:
        print(f"  {each}", flush=True)


def _times(whole: Mapping[str, Any], seconds: float) -> None:
    processor = sum(each["cpu_seconds"] for each in whole.values())
    claim("4a", seconds / 60, MINUTES, "minutes the recipe takes here", operator.le)
    claim("4b", processor / 60, 2 * MINUTES, "minutes of the processor, of two cores", operator.le)
    claim("4c", sum(each["state"] == "done" for each in whole.values()), len(whole), "stages done")


def _of(module: str, function: str, name: str) -> Callable[..., None]:
    """What measures a claim; it is told as absent where that cannot be loaded."""
    try:
        found: Callable[..., None] = getattr(import_module(module), function)
    except (ImportError, AttributeError) as error:
        reason = str(error)
        return lambda *_: claim(name, None, None, f"{module}.{function}: {reason}")
    return found


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--only", choices=("1", "2", "4"), help="1 exactness, 2 learning (with 3 and 5), 4 pipeline"
    )
    parser.add_argument("--folder", type=Path, help="where what is trained is kept")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if asked.only in (None, "1"):
            _of("gflownet_exactness", "exactness_claims", "1")(claim)
        if asked.only in (None, "2"):
            _of("gflownet_ledger", "ledger_claims", "2, 3, 5")(claim, folder / "ledger")
        if asked.only in (None, "4"):
            pipeline(folder / "pipeline")


if __name__ == "__main__":
    main()
