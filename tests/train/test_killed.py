"""Trainings of every kind that are killed, or were stopped at their worst moment, and go on."""

import json
from functools import cache
from pathlib import Path

import pytest

from omega_fast.errors import RunConflictError
from omega_fast.train.folder import OnLog, Training
from omega_fast.train.implicit import run_implicit_training
from omega_fast.train.implicit_config import implicit_config
from omega_fast.train.prm import run_training
from omega_fast.train.prm_config import ntp_config, prm_config
from tests.processes import killed_at
from tests.train.solutions import RIGHT, WRONG, solutions
from tests.train.test_implicit import outcomes, pairs

FAST = {
    "device": "cpu",
    "validation": 0.0,
    "learning_rate": 3e-3,
    "log_every": 1,
    "save_every": 2,
    "epochs": 3,
    "keep_checkpoints": True,
}
KINDS = ("prm", "prm with adapters", "ntp-prm", "implicit-prm on ce", "implicit-prm on dpo")


def train(kind: str, model: str, folder: Path, on_log: OnLog | None = None, **settings) -> Training:
    """Twelve updates on 32 rows, a checkpoint at each second one."""
    settings = {"model": model, **FAST, **settings}
    command, *way = kind.split()
    if command == "implicit-prm":
        rows = outcomes(32) if way[-1] == "ce" else pairs(32)
        config = implicit_config(objective=way[-1], beta=0.5, **settings)
        return run_implicit_training(rows, config, folder, on_log=on_log)
    made = ntp_config if command == "ntp-prm" else prm_config
    adapters = {"lora_rank": 4} if way else {}
    return run_training(solutions(32), made(labels="hard", **adapters, **settings), folder, on_log=on_log)


def losses(done: Training) -> list[float]:
    return [entry["loss"] for entry in done.record["log"] if "loss" in entry]


def same(resumed: Training, whole: Training) -> None:
    assert len(losses(whole)) == 12
    assert losses(resumed) == pytest.approx(losses(whole), rel=1e-5)
    steps = [RIGHT, WRONG]
    assert resumed.prm("x ?", steps) == pytest.approx(whole.prm("x ?", steps), abs=1e-5)


@pytest.fixture(scope="module")
def whole(tiny, tmp_path_factory):
    """A training of a kind that nothing interrupts."""
    return cache(lambda kind: train(kind, tiny, tmp_path_factory.mktemp("whole") / "out"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_training_that_is_killed_goes_on_with_the_same_curve(tiny, tmp_path, whole, kind):
    killed_at(5, train, kind, tiny, tmp_path / "killed")
    assert not json.loads((tmp_path / "killed" / "training.json").read_text())["finished"]
    assert any((tmp_path / "killed" / "checkpoints").iterdir())
    (tmp_path / "killed" / "checkpoints" / "checkpoint-99").mkdir()  # one that was cut short
    seen = []
    same(train(kind, tiny, tmp_path / "killed", lambda entry: seen.append(entry["step"])), whole(kind))
    assert seen[0] > 2, "it does not begin anew"
    with pytest.raises(RunConflictError, match="seed was 0, is 1"):
        train(kind, tiny, tmp_path / "killed", seed=1)


@pytest.mark.parametrize("kind", ["prm", "implicit-prm on ce"])
def test_a_training_killed_while_its_result_is_written_writes_it_again(tiny, tmp_path, whole, kind):
    train(kind, tiny, tmp_path / "cut")
    record = tmp_path / "cut" / "training.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "finished": False, "log": []}))
    weights = tmp_path / "cut" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    (tmp_path / "cut" / "prm.json").unlink()
    same(train(kind, tiny, tmp_path / "cut"), whole(kind))


def test_a_training_that_reached_no_checkpoint_leaves_its_folder_to_another(tiny, tmp_path):
    record = tmp_path / "prm" / "training.json"
    record.parent.mkdir()
    record.write_text(json.dumps({"identity": {"model": "elsewhere"}, "finished": False, "log": []}))
    done = train("prm", tiny, tmp_path / "prm")
    assert done.record["identity"]["model"] == tiny
