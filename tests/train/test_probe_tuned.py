import json

import pytest
import torch
from transformers import AutoModelForCausalLM

from omega_fast.errors import ConfigError
from omega_fast.models.prm import load_prm
from omega_fast.models.prm_checkpoint import load_causal
from omega_fast.train.prm import run_training
from omega_fast.train.prm_config import prm_config
from tests.train.solutions import RIGHT, WRONG, solutions

FAST = {
    "device": "cpu",
    "labels": "hard",
    "validation": 0.0,
    "head": "probe",
    "probe_tune": True,
    "batch_size": 8,
    "learning_rate": 1e-3,
    "log_every": 1,
}
ASKED = ("x is 3 . ?", [RIGHT, WRONG, RIGHT])


def losses(record):
    return [entry["loss"] for entry in record["log"] if "loss" in entry]


def test_its_language_model_is_trained_too_and_lies_beside_it_as_a_plain_checkpoint(tiny, tmp_path):
    done = run_training(solutions(16), prm_config(model=tiny, epochs=2, **FAST), tmp_path / "prm")
    before, after = load_causal(tiny), AutoModelForCausalLM.from_pretrained(tmp_path / "prm")
    moved = [name for name, each in after.named_parameters() if not each.equal(before.get_parameter(name))]
    assert len(moved) == len(list(after.parameters()))
    assert json.loads((tmp_path / "prm" / "prm.json").read_text())["tuned"] is True
    assert not list((tmp_path / "prm").rglob("*.bin"))
    assert load_prm(tmp_path / "prm").score(*ASKED) == done.prm.score(*ASKED)


def test_it_stays_what_it_is_where_its_folder_is_moved(tiny, tmp_path):
    done = run_training(solutions(8), prm_config(model=tiny, max_steps=1, **FAST), tmp_path / "prm")
    (tmp_path / "prm").rename(tmp_path / "moved")
    assert load_prm(tmp_path / "moved").score(*ASKED) == done.prm.score(*ASKED)


def test_the_loss_falls_further_than_with_a_frozen_model(tiny, tmp_path):
    torch.manual_seed(0)
    tuned = run_training(solutions(24), prm_config(model=tiny, epochs=6, **FAST), tmp_path / "tuned")
    settings = {**FAST, "probe_tune": False, "epochs": 118}
    frozen = run_training(solutions(24), prm_config(model=tiny, **settings), tmp_path / "frozen")
    assert losses(tuned.record)[-1] < 0.5 * losses(frozen.record)[-1]


def test_killed_and_started_again_it_ends_where_an_uninterrupted_one_does(tiny, tmp_path):
    config = prm_config(model=tiny, epochs=3, save_every=1, **FAST)
    whole = run_training(solutions(24), config, tmp_path / "whole")

    def kill(entry):
        if entry["step"] == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_training(solutions(24), config, tmp_path / "killed", on_log=kill)
    resumed = run_training(solutions(24), config, tmp_path / "killed")
    assert losses(resumed.record) == pytest.approx(losses(whole.record), rel=1e-5)
    assert resumed.prm.score(*ASKED) == pytest.approx(whole.prm.score(*ASKED), abs=1e-5)


def test_the_loss_of_what_is_held_out_is_told(tiny, tmp_path):
    settings = {**FAST, "validation": 0.3, "epochs": 2}
    done = run_training(solutions(24), prm_config(model=tiny, **settings), tmp_path / "prm")
    assert len([entry for entry in done.record["log"] if "eval_loss" in entry]) == 2


def test_pack_auto_leaves_its_solutions_in_rows_and_says_so(tiny, tmp_path):
    config = prm_config(model=tiny, max_steps=1, pack="auto", **FAST)
    done = run_training(solutions(8), config, tmp_path / "prm")
    assert "as a probe reads them" in done.record["packing"]["said"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"probe_tune": True}, "probe_tune is for the head probe"),
        ({"head": "probe", "probe_tune": True, "pack": "on"}, "row of its own"),
        ({"head": "probe", "probe_tune": True, "lora_rank": 4}, "trains all of it"),
    ],
)
def test_what_it_cannot_go_with_is_refused(settings, said):
    with pytest.raises(ConfigError, match=said):
        prm_config(**settings)


def test_its_rate_and_passes_are_those_of_models_that_are_trained_whole():
    tuned, frozen = (prm_config(head="probe", probe_tune=each) for each in (True, False))
    assert (tuned.rate, tuned.passes) == (3e-4, 3.0)
    assert (frozen.rate, frozen.passes) == (1e-3, 200.0)
