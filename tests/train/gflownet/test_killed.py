"""A fine-tuning that is killed goes on with the same curve: seeds, versions and buffers alone decide what is drawn."""

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file

from tests.processes import killed_at
from tests.train.gflownet.finetunings import column, finetuned

KINDS = {
    "vargrad": {"replay": 2, "sample_ahead": 3, "max_age": 2},
    "subtb": {"objective": "subtb", "flows": "learnt", "lora_rank": 0},
}
_LASTING = {"updates": 10, "save_every": 2, "keep_checkpoints": True}


def train(kind: str, model: str, folder: Path, on_log=None):
    return finetuned(model, folder, on_log=on_log, **{**_LASTING, **KINDS[kind]})


@pytest.mark.parametrize("kind", KINDS)
def test_a_training_that_is_killed_goes_on_with_the_same_curve(tiny, tmp_path, kind):
    whole = train(kind, tiny, tmp_path / "whole")
    killed_at(5, train, kind, tiny, tmp_path / "killed")
    assert not json.loads((tmp_path / "killed" / "training.json").read_text())["finished"]
    (tmp_path / "killed" / "checkpoints" / "checkpoint-99").mkdir()  # one that was cut short
    seen = []
    resumed = train(kind, tiny, tmp_path / "killed", lambda entry: seen.append(entry["step"]))
    assert seen[0] > 2, "it does not begin anew"
    assert column(resumed, "step") == list(range(1, 11))
    for name in ("loss", "r", "log_z", "entropy", "distinct", "age", "replayed"):
        assert column(resumed, name) == pytest.approx(column(whole, name), rel=1e-4, abs=1e-6)
    assert resumed.record["faults"] == whole.record["faults"]
    lines = (resumed.folder / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == list(range(1, 11)), "no entry twice"
    one, other = (load_file(each.folder / "model.safetensors") for each in (whole, resumed))
    assert max(float((one[name] - other[name]).abs().max()) for name in one) < 1e-5
