import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from omega_fast.models.prm import load_prm
from omega_fast.train.implicit import run_implicit_training
from omega_fast.train.implicit_config import implicit_config
from omega_fast.train.prm import run_training
from omega_fast.train.prm_config import prm_config
from tests.train.packing.trees import trees
from tests.train.solutions import RIGHT, WRONG, solutions
from tests.train.test_implicit import outcomes, pairs

TOGETHER = """
import sys
from omega_fast.train.prm import run_training
from omega_fast.train.prm_config import prm_config
from tests.train.solutions import solutions
config = prm_config(model=sys.argv[1], loss=sys.argv[3], batch_size=4, epochs=2, device="cpu", labels="hard",
                    validation=0.0, learning_rate=3e-3, log_every=1)
run_training(solutions(32), config, sys.argv[2])
"""

IMPLICIT = """
import sys
from omega_fast.train.implicit import run_implicit_training
from omega_fast.train.implicit_config import implicit_config
from tests.train.test_implicit import outcomes, pairs
config = implicit_config(model=sys.argv[1], objective=sys.argv[3], batch_size=4, epochs=2, device="cpu", beta=.5,
                         validation=0.0, learning_rate=3e-3, log_every=1)
run_implicit_training(outcomes(32) if sys.argv[3] == "ce" else pairs(32), config, sys.argv[2])
"""

PACKED = """
import sys
from omega_fast.train.prm import run_training
from omega_fast.train.prm_config import prm_config
from tests.train.packing.trees import trees
config = prm_config(model=sys.argv[1], pack="on", pack_tokens=230, batch_size=int(sys.argv[3]), max_steps=1,
                    device="cpu", labels="soft", validation=0.0, learning_rate=3e-3, log_every=1)
run_training(trees(8, 12), config, sys.argv[2])
"""


def together(script: str, folder: Path, *arguments: str) -> dict:
    """The record of a training by two processes, which `script` writes into its second argument."""
    (folder / "together.py").write_text(script)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*command, str(folder / "together.py"), *arguments],
        env={**os.environ, "PYTHONPATH": str(Path.cwd()), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-20000:]
    return json.loads((Path(arguments[1]) / "training.json").read_text())


def curve(record) -> list[float]:
    return [entry["loss"] for entry in record["log"] if "loss" in entry]


@pytest.mark.parametrize("loss", ["bce", "pqm"])
def test_two_gloo_processes_equal_one(tiny, tmp_path, loss):
    settings = {"device": "cpu", "labels": "hard", "validation": 0.0, "learning_rate": 3e-3, "log_every": 1}
    config = prm_config(model=tiny, loss=loss, batch_size=8, epochs=2, **settings)
    alone = run_training(solutions(32), config, tmp_path / "one")
    record = together(TOGETHER, tmp_path, tiny, str(tmp_path / "two"), loss)
    curves = [curve(alone.record), curve(record)]
    assert len(curves[0]) == 8
    assert curves[1] == pytest.approx(curves[0], rel=1e-4)
    both = load_prm(tmp_path / "two", device="cpu")
    assert both("q", [RIGHT, WRONG]) == pytest.approx(alone.prm("q", [RIGHT, WRONG]), abs=1e-4)


@pytest.mark.parametrize("objective", ["ce", "dpo"])
def test_two_gloo_processes_equal_one_on_outcomes(tiny, tmp_path, objective):
    settings = {"device": "cpu", "validation": 0.0, "learning_rate": 3e-3, "log_every": 1, "beta": 0.5}
    config = implicit_config(model=tiny, objective=objective, batch_size=8, epochs=2, **settings)
    rows = outcomes(32) if objective == "ce" else pairs(32)
    alone = run_implicit_training(rows, config, tmp_path / "one")
    record = together(IMPLICIT, tmp_path, tiny, str(tmp_path / "two"), objective)
    assert record["reference"]["computed"] == alone.record["reference"]["computed"]
    assert len(list((tmp_path / "two" / "reference").iterdir())) == 2, "each asked for its share"
    assert curve(record) == pytest.approx(curve(alone.record), rel=1e-4)
    both = load_prm(tmp_path / "two", device="cpu")
    assert both("x ?", [RIGHT, WRONG]) == pytest.approx(alone.prm("x ?", [RIGHT, WRONG]), abs=1e-4)
    assert not list((tmp_path / "two").rglob("*.bin"))


def test_two_gloo_processes_on_packs_equal_one_on_rows(tiny, tmp_path):
    given = trees(8, 12)
    settings = {"device": "cpu", "labels": "soft", "validation": 0.0, "learning_rate": 3e-3, "log_every": 1}
    config = prm_config(model=tiny, batch_size=len(given), max_steps=1, **settings)
    alone = run_training(given, config, tmp_path / "one")
    record = together(PACKED, tmp_path, tiny, str(tmp_path / "two"), str(len(given) // 2))
    packing = record["packing"]
    assert packing["packs"] == 2 * packing["packs_in_a_forward"], "both have as many packs"
    assert curve(record) == pytest.approx(curve(alone.record), rel=1e-4)
    both = load_prm(tmp_path / "two", device="cpu")
    assert both("q", [RIGHT, WRONG]) == pytest.approx(alone.prm("q", [RIGHT, WRONG]), abs=1e-4)
