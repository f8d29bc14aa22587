import json
import math
import subprocess
import sys

import pytest

import omega_fast
from omega_fast.errors import ConfigError, InputError, RunConflictError
from omega_fast.models.prm import load_prm
from omega_fast.store.formats.labelled import labelled
from omega_fast.train.implicit import train_implicit_prm
from omega_fast.train.prm import run_training, train_prm
from omega_fast.train.prm_config import prm_config
from tests.train.packing.trees import trees
from tests.train.solutions import RIGHT, WRONG, solutions

FAST = {"device": "cpu", "labels": "hard", "validation": 0.0, "learning_rate": 3e-3, "log_every": 1}


def losses(record) -> list[float]:
    return [entry["loss"] for entry in record["log"] if "loss" in entry]


@pytest.mark.parametrize("head", ["token-cls", "value", "probe"])
def test_each_head_learns_what_right_steps_look_like(tiny, tmp_path, head):
    epochs = 150 if head == "probe" else 12
    prm = train_prm(solutions(60), tmp_path / "prm", model=tiny, head=head, epochs=epochs, **FAST)
    right, wrong = prm("x is 3 . ?", [RIGHT, WRONG])
    assert right > 0.8
    assert wrong < 0.2
    again = load_prm(tmp_path / "prm", device="cpu")
    assert again("x is 3 . ?", [RIGHT, WRONG]) == [right, wrong]
    assert (tmp_path / "prm" / "loss.svg").read_text().startswith("<svg")
    assert not (tmp_path / "prm" / "checkpoints").exists()
    assert not list((tmp_path / "prm").glob("*.bin"))


def test_adapters_are_merged_into_plain_weights(tiny, tmp_path):
    pytest.importorskip("peft")
    prm = train_prm(
        solutions(60), tmp_path / "prm", model=tiny, lora_rank=4, epochs=6, **{**FAST, "learning_rate": 2e-2}
    )
    right, wrong = prm("x is 999 . ?", [RIGHT, WRONG])
    assert right > wrong
    assert not list((tmp_path / "prm").glob("adapter*"))


@pytest.mark.parametrize(
    "settings", [{"gradient_checkpointing": True}, {"attention": "eager"}, {"bf16": True}]
)
def test_what_saves_memory_or_time_changes_the_curve_by_rounding_alone(tiny, tmp_path, settings):
    plain = run_training(solutions(8), prm_config(model=tiny, epochs=1, **FAST), tmp_path / "plain")
    other = run_training(
        solutions(8), prm_config(model=tiny, epochs=1, **FAST, **settings), tmp_path / "other"
    )
    within = 0.05 if "bf16" in settings else 1e-4
    assert losses(other.record) == pytest.approx(losses(plain.record), rel=within)


def test_rows_that_cannot_be_used_are_counted_named_and_written_down(tiny, tmp_path):
    given = [
        *solutions(8),
        labelled("q", []),
        labelled("q", ["a\n", " \n"], [True, True]),
        labelled("q", ["a\n"]),
        labelled("q", ["a\n"], soft=[math.nan]),
        labelled("q", ["a b c d\n"] * 200, [True] * 200),
        {"prompt": "q"},
    ]
    done = run_training(given, prm_config(model=tiny, epochs=1, **FAST), tmp_path / "prm")
    assert done.record["data"]["faults"] == {
        "no_steps": 1,
        "bad_label": 1,
        "unreadable": 1,
        "empty_step": 1,
        "no_label": 1,
        "too_long": 1,
    }
    assert done.record["data"]["train"]["solutions"] == 8
    rows = [
        json.loads(line) for line in (tmp_path / "prm" / "rows.quarantine.jsonl").read_text().splitlines()
    ]
    assert {row["line"] for row in rows} == set(range(9, 15))
    assert any("soft label of step 1 is nan" in row["reason"] for row in rows)


def test_rows_that_cannot_be_used_stop_the_training_if_asked(tiny, tmp_path):
    given = [*solutions(4), labelled("q", ["a\n"], soft=[math.nan])]
    with pytest.raises(InputError, match="item 5 cannot be used"):
        train_prm(given, tmp_path / "prm", model=tiny, invalid="refuse", **FAST)


def test_data_without_a_usable_label_say_what_was_wrong(tiny, tmp_path):
    with pytest.raises(InputError, match="1 no_label"):
        train_prm([labelled("q", ["a\n"])], tmp_path / "prm", model=tiny, **FAST)


def test_questions_of_held_out_solutions_are_not_learnt_from(tiny, tmp_path):
    config = prm_config(model=tiny, epochs=1, **{**FAST, "validation": 0.3})
    done = run_training(solutions(40), config, tmp_path / "prm")
    report = done.record["data"]
    assert report["train"]["solutions"] + report["held_out"]["solutions"] == 40
    assert 0 < report["held_out"]["solutions"] < 25
    assert any("eval_loss" in entry for entry in done.record["log"])


def test_a_judge_is_asked_during_training_and_its_numbers_are_logged(tiny, tmp_path):
    seen = []

    def judge(prm):
        seen.append(prm("x is 999 . ?", [RIGHT]))
        return {"right": seen[-1][0]}

    config = prm_config(model=tiny, epochs=2, **FAST)
    done = run_training(solutions(16), config, tmp_path / "prm", evaluate=judge)
    logged = [entry["eval_right"] for entry in done.record["log"] if "eval_right" in entry]
    assert logged == [score for (score,) in seen]
    assert len(logged) == 2


def test_the_same_call_again_loads_what_is_done_and_another_one_is_refused(tiny, tmp_path):
    first = train_prm(solutions(8), tmp_path / "prm", model=tiny, epochs=1, **FAST)
    stamp = (tmp_path / "prm" / "model.safetensors").stat().st_mtime_ns
    again = train_prm(solutions(8), tmp_path / "prm", model=tiny, epochs=1, **FAST)
    assert (tmp_path / "prm" / "model.safetensors").stat().st_mtime_ns == stamp
    assert again("q", [RIGHT]) == first("q", [RIGHT])
    with pytest.raises(RunConflictError, match=r"epochs was 1\.0, is 2\.0"):
        train_prm(solutions(8), tmp_path / "prm", model=tiny, epochs=2, **FAST)
    with pytest.raises(RunConflictError, match="data was"):
        train_prm(solutions(9), tmp_path / "prm", model=tiny, epochs=1, **FAST)


def test_a_folder_with_other_files_is_left_alone(tiny, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(RunConflictError, match="not empty"):
        train_prm(solutions(4), tmp_path, model=tiny, **FAST)


def test_the_package_offers_training_without_loading_torch():
    names = "{'train_prm', 'train_implicit_prm'}"
    code = f"import sys, omega_fast; assert {names} <= {{*dir(omega_fast)}}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert (omega_fast.train_prm, omega_fast.train_implicit_prm) == (train_prm, train_implicit_prm)


def test_a_wrong_setting_is_named_before_anything_is_loaded(tmp_path):
    with pytest.raises(ConfigError, match="loses"):
        train_prm([], tmp_path, loses="bce")


def test_a_training_on_packs_prints_and_records_what_they_save_and_learns(tiny, tmp_path):
    said = []
    settings = {**FAST, "labels": "soft", "pack": "on", "pack_tokens": 100, "epochs": 6}
    done = run_training(
        trees(6, 10), prm_config(model=tiny, **settings), tmp_path / "prm", on_log=said.append
    )
    told = done.record["packing"]
    assert said[0] == {"step": 0, "packing": told["said"]}
    assert 1.2 < told["gain"] <= told["bound"] == told["path_tokens"] / told["unique_tokens"]
    assert json.loads((tmp_path / "prm" / "training.json").read_text())["packing"] == told
    assert losses(done.record)[-1] < losses(done.record)[0]


def test_a_pack_too_small_for_one_solution_is_refused_with_what_it_takes(tiny, tmp_path):
    config = prm_config(model=tiny, pack="on", pack_tokens=3, **FAST)
    with pytest.raises(ConfigError, match="a pack may have 3 tokens") as refused:
        run_training(solutions(4), config, tmp_path / "prm")
    assert "set pack_tokens to" in str(refused.value.hint)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"state_weights": "once", "loss": "pqm", "labels": "hard"}, "losses of single steps"),
        ({"head": "probe", "pack": "on"}, "pack is for the other heads"),
        ({"pack_tokens": 100, "pack": "off"}, "pack_tokens is for packs"),
    ],
)
def test_settings_of_packs_that_cannot_be_are_refused(settings, said):
    with pytest.raises(ConfigError, match=said):
        prm_config(**settings)
