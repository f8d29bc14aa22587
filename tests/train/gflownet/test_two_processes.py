"""Two gloo processes draw, score and learn as one does."""

from pathlib import Path

import pytest

from omega_fast.train.gflownet.folder import Finetuned
from tests.train.gflownet.finetunings import column, finetuned
from tests.train.test_two_processes import together

SETTINGS = {
    "vargrad": {"prompts": 3, "updates": 4, "replay": 2},
    "tb": {"objective": "tb", "prompts": 2, "updates": 3, "lora_rank": 0},
    "sft": {"objective": "sft", "prompts": 2, "updates": 3, "micro_batch": 4},
}


def train(model: str, folder: Path, kind: str) -> Finetuned:
    return finetuned(model, folder, **SETTINGS[kind])


@pytest.mark.parametrize("kind", SETTINGS)
def test_two_gloo_processes_equal_one(tiny, tmp_path, kind):
    """Three questions an update are two for one process and one for the other."""
    alone = train(tiny, tmp_path / "one", kind)
    record = together(train, tiny, tmp_path / "two", kind)
    for name in ("loss", "r", "log_z", "entropy", "distinct", "gradient"):
        both = [entry[name] for entry in record["log"] if name in entry]
        assert both == pytest.approx(column(alone, name), rel=1e-3, abs=1e-5), name
    assert record["faults"].get("no_right") == alone.record["faults"].get("no_right")
