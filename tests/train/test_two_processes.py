import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from omega_fast.models.prm import load_prm
from omega_fast.train.folder import Training
from omega_fast.train.implicit import run_implicit_training
from omega_fast.train.implicit_config import implicit_config
from omega_fast.train.prm import run_training
from omega_fast.train.prm_config import prm_config
from tests.processes import in_two_processes
from tests.train.packing.trees import trees
from tests.train.solutions import RIGHT, WRONG, solutions
from tests.train.test_implicit import outcomes, pairs

FAST = {"device": "cpu", "validation": 0.0, "learning_rate": 3e-3, "log_every": 1}
ON_STEPS = {**FAST, "labels": "hard", "epochs": 2}
ON_OUTCOMES = {**FAST, "beta": 0.5, "epochs": 2}
ON_TREES = {**FAST, "labels": "soft", "max_steps": 1}


def on_steps(model: str, folder: Path, loss: str, batch: int) -> Training:
    return run_training(
        solutions(32), prm_config(model=model, loss=loss, batch_size=batch, **ON_STEPS), folder
    )


def on_outcomes(model: str, folder: Path, objective: str, batch: int) -> Training:
    config = implicit_config(model=model, objective=objective, batch_size=batch, **ON_OUTCOMES)
    return run_implicit_training(outcomes(32) if objective == "ce" else pairs(32), config, folder)


def on_packs(model: str, folder: Path, batch: int) -> Training:
    settings = {**ON_TREES, "pack": "on", "pack_tokens": 230}
    return run_training(trees(8, 12), prm_config(model=model, batch_size=batch, **settings), folder)


def together(train: Callable[..., Any], model: str, folder: Path, *arguments: Any) -> dict:
    """The record of a training by two processes."""
    in_two_processes(train, model, folder, *arguments)
    return json.loads((folder / "training.json").read_text())


def curve(record) -> list[float]:
    return [entry["loss"] for entry in record["log"] if "loss" in entry]


def equals_one(tiny: str, tmp_path: Path, loss: str, record: dict) -> None:
    alone = on_steps(tiny, tmp_path / "one", loss, 8)
    curves = [curve(alone.record), curve(record)]
    assert len(curves[0]) == 8
    assert curves[1] == pytest.approx(curves[0], rel=1e-4)
    both = load_prm(tmp_path / "two", device="cpu")
    assert both("q", [RIGHT, WRONG]) == pytest.approx(alone.prm("q", [RIGHT, WRONG]), abs=1e-4)


def test_two_gloo_processes_equal_one(tiny, tmp_path):
    equals_one(tiny, tmp_path, "pqm", together(on_steps, tiny, tmp_path / "two", "pqm", 4))


def test_two_processes_that_torchrun_starts_equal_one(tiny, tmp_path):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m"]
    done = subprocess.run(
        [*command, "tests.train.test_two_processes", tiny, str(tmp_path / "two"), "bce"],
        env={**os.environ, "PYTHONPATH": str(Path.cwd()), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-20000:]
    equals_one(tiny, tmp_path, "bce", json.loads((tmp_path / "two" / "training.json").read_text()))


@pytest.mark.parametrize("objective", ["ce", "dpo"])
def test_two_gloo_processes_equal_one_on_outcomes(tiny, tmp_path, objective):
    alone = on_outcomes(tiny, tmp_path / "one", objective, 8)
    record = together(on_outcomes, tiny, tmp_path / "two", objective, 4)
    assert record["reference"]["computed"] == alone.record["reference"]["computed"]
    assert len(list((tmp_path / "two" / "reference").iterdir())) == 2, "each asked for its share"
    assert curve(record) == pytest.approx(curve(alone.record), rel=1e-4)
    both = load_prm(tmp_path / "two", device="cpu")
    assert both("x ?", [RIGHT, WRONG]) == pytest.approx(alone.prm("x ?", [RIGHT, WRONG]), abs=1e-4)
    assert not list((tmp_path / "two").rglob("*.bin"))


def test_two_gloo_processes_on_packs_equal_one_on_rows(tiny, tmp_path):
    given = trees(8, 12)
    config = prm_config(model=tiny, batch_size=len(given), **ON_TREES)
    alone = run_training(given, config, tmp_path / "one")
    record = together(on_packs, tiny, tmp_path / "two", len(given) // 2)
    packing = record["packing"]
    assert packing["packs"] == 2 * packing["packs_in_a_forward"], "both have as many packs"
    assert curve(record) == pytest.approx(curve(alone.record), rel=1e-4)
    both = load_prm(tmp_path / "two", device="cpu")
    assert both("q", [RIGHT, WRONG]) == pytest.approx(alone.prm("q", [RIGHT, WRONG]), abs=1e-4)


if __name__ == "__main__":
    on_steps(sys.argv[1], Path(sys.argv[2]), sys.argv[3], 4)
