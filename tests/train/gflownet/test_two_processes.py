"""Two gloo processes draw, score and learn as one does."""

import pytest

from tests.train.gflownet.finetunings import column, finetuned
from tests.train.test_two_processes import together

TOGETHER = """
import sys
from pathlib import Path
from tests.train.gflownet.finetunings import finetuned
from tests.train.gflownet.test_two_processes import SETTINGS
finetuned(sys.argv[1], Path(sys.argv[2]), **SETTINGS[sys.argv[3]])
"""
SETTINGS = {
    "vargrad": {"prompts": 3, "updates": 4, "replay": 2},
    "tb": {"objective": "tb", "prompts": 2, "updates": 3, "lora_rank": 0},
    "sft": {"objective": "sft", "prompts": 2, "updates": 3, "micro_batch": 4},
}


@pytest.mark.parametrize("kind", SETTINGS)
def test_two_gloo_processes_equal_one(tiny, tmp_path, kind):
    """Three questions an update are two for one process and one for the other."""
    alone = finetuned(tiny, tmp_path / "one", **SETTINGS[kind])
    record = together(TOGETHER, tmp_path, tiny, str(tmp_path / "two"), kind)
    for name in ("loss", "r", "log_z", "entropy", "distinct", "gradient"):
        both = [entry[name] for entry in record["log"] if name in entry]
        assert both == pytest.approx(column(alone, name), rel=1e-3, abs=1e-5), name
    assert record["faults"].get("no_right") == alone.record["faults"].get("no_right")
