import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from omega_fast.models.prm import load_prm
from omega_fast.train.prm import run_training
from omega_fast.train.prm_config import prm_config
from tests.train.solutions import RIGHT, WRONG, solutions

TOGETHER = """
import sys
from omega_fast.train.prm import run_training
from omega_fast.train.prm_config import prm_config
from tests.train.solutions import solutions
config = prm_config(model=sys.argv[1], loss=sys.argv[3], batch_size=4, epochs=2, device="cpu", labels="hard",
                    validation=0.0, learning_rate=3e-3, log_every=1)
run_training(solutions(32), config, sys.argv[2])
"""


@pytest.mark.parametrize("loss", ["bce", "pqm"])
def test_two_gloo_processes_equal_one(tiny, tmp_path, loss):
    settings = {"device": "cpu", "labels": "hard", "validation": 0.0, "learning_rate": 3e-3, "log_every": 1}
    config = prm_config(model=tiny, loss=loss, batch_size=8, epochs=2, **settings)
    alone = run_training(solutions(32), config, tmp_path / "one")
    (tmp_path / "together.py").write_text(TOGETHER)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    arguments = [str(tmp_path / "together.py"), tiny, str(tmp_path / "two"), loss]
    done = subprocess.run(
        [*command, *arguments],
        env={**os.environ, "PYTHONPATH": str(Path.cwd()), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    record = json.loads((tmp_path / "two" / "training.json").read_text())
    curves = [[entry["loss"] for entry in each["log"] if "loss" in entry] for each in (alone.record, record)]
    assert len(curves[0]) == 8
    assert curves[1] == pytest.approx(curves[0], rel=1e-4)
    together = load_prm(tmp_path / "two", device="cpu")
    assert together("q", [RIGHT, WRONG]) == pytest.approx(alone.prm("q", [RIGHT, WRONG]), abs=1e-4)
