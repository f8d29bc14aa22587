import json
import random
import signal
import subprocess
import sys

import pytest
import torch
from transformers import AutoModelForCausalLM

from omega_fast.errors import BackendError, InputError, RunConflictError
from omega_fast.models.prm import ImplicitPRM, load_prm
from omega_fast.models.prm_card import PrmCard
from omega_fast.models.prm_checkpoint import load_causal
from omega_fast.models.scorers import load_scorer
from omega_fast.train.adapters import with_adapters
from omega_fast.train.implicit import run_implicit_training, train_implicit_prm
from omega_fast.train.implicit_config import implicit_config
from omega_fast.train.implicit_data import Answer
from omega_fast.train.reference import ReferenceCache
from tests.train.solutions import RIGHT, WRONG

FAST = {"device": "cpu", "validation": 0.0, "learning_rate": 3e-3, "log_every": 1, "beta": 0.5}


def outcomes(count: int, seed: int = 0) -> list[dict]:
    """Solutions of one to four steps that are right if all their steps are."""
    rng = random.Random(seed)
    kinds = ["".join(rng.choice("+++-") for _ in range(rng.randint(1, 4))) for _ in range(count)]
    return [
        {
            "prompt": f"x is {number} . ?",
            "response": "".join(RIGHT if kind == "+" else WRONG for kind in each),
            "label": "-" not in each,
        }
        for number, each in enumerate(kinds)
    ]


def pairs(count: int) -> list[dict]:
    return [
        {"prompt": f"x is {n} . ?", "chosen": RIGHT * (n % 3 + 1), "rejected": WRONG} for n in range(count)
    ]


def losses(record) -> list[float]:
    return [entry["loss"] for entry in record["log"] if "loss" in entry]


@pytest.mark.parametrize(("objective", "rows"), [("ce", outcomes(80)), ("dpo", pairs(60))])
def test_outcomes_alone_teach_which_steps_are_right(tiny, tmp_path, objective, rows):
    prm = train_implicit_prm(rows, tmp_path / "prm", model=tiny, objective=objective, epochs=4, **FAST)
    right, wrong = (prm("x is 999 . ?", [each])[0] for each in (RIGHT, WRONG))
    assert right > 0.5 > wrong
    assert load_prm(tmp_path / "prm", device="cpu")("x is 999 . ?", [RIGHT]) == [right]
    assert load_scorer(str(tmp_path / "prm")).score_many([("x is 999 . ?", [RIGHT])])[0] == pytest.approx(
        [right]
    )
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "prm").config.model_type == "llama"
    assert not list((tmp_path / "prm").rglob("*.bin"))


def test_a_score_is_the_sigmoid_of_beta_times_the_summed_log_ratio(tiny, tmp_path):
    prm = train_implicit_prm(outcomes(16), tmp_path / "prm", model=tiny, epochs=2, **FAST)
    steps = [RIGHT, WRONG, RIGHT]
    encoded = prm.encoder.encode("x is 5 . ?", steps)
    networks = (
        AutoModelForCausalLM.from_pretrained(tmp_path / "prm"),
        AutoModelForCausalLM.from_pretrained(tiny),
    )
    told = [
        each(torch.tensor([encoded.ids])).logits[0].detach().double().log_softmax(-1) for each in networks
    ]
    sums, total = [], 0.0
    for at in range(encoded.start, len(encoded.ids)):
        total += float(told[0][at - 1, encoded.ids[at]] - told[1][at - 1, encoded.ids[at]])
        if at in encoded.ends:
            sums.append(total)
    assert prm("x is 5 . ?", steps) == pytest.approx(torch.tensor(sums).mul(0.5).sigmoid().tolist(), abs=1e-5)
    assert prm.process_rewards("x is 5 . ?", steps) == pytest.approx(
        [sums[0], sums[1] - sums[0], sums[2] - sums[1]], abs=1e-3
    )


def test_the_first_loss_is_log_two_as_the_model_still_is_its_reference(tiny, tmp_path):
    done = run_implicit_training(outcomes(8), implicit_config(model=tiny, **FAST), tmp_path / "prm")
    assert losses(done.record)[0] == pytest.approx(0.6931472, abs=1e-5)


def test_the_reference_is_the_model_with_its_adapters_switched_off(tiny, tmp_path):
    pytest.importorskip("peft")
    config = implicit_config(model=tiny, lora_rank=4, **FAST)
    prm = train_implicit_prm(
        outcomes(24), tmp_path / "prm", model=tiny, lora_rank=4, epochs=2, **{**FAST, "learning_rate": 2e-2}
    )
    encoded = prm.encoder.encode("x is 5 . ?", [RIGHT])
    answer = Answer(encoded.ids, encoded.start)
    adapted = with_adapters(load_causal(tiny), config, classifies=False)
    plain, switched = ReferenceCache(tmp_path / "a", "m"), ReferenceCache(tmp_path / "b", "m")
    plain.fill(load_causal(tiny), [answer])
    with adapted.disable_adapter():
        switched.fill(adapted, [answer])
    assert plain[answer] == pytest.approx(switched[answer], abs=1e-6)
    assert not list((tmp_path / "prm").glob("adapter*"))
    assert isinstance(prm, ImplicitPRM)


def test_another_reference_is_used_and_named(tiny, tmp_path):
    other = train_implicit_prm(outcomes(16), tmp_path / "other", model=tiny, epochs=2, **FAST)
    config = implicit_config(model=tiny, reference=str(tmp_path / "other"), **FAST)
    done = run_implicit_training(outcomes(8), config, tmp_path / "prm")
    assert PrmCard.read(tmp_path / "prm" / "prm.json").reference == str(tmp_path / "other")
    assert abs(losses(done.record)[0] - 0.6931472) > 1e-3
    assert torch.equal(done.prm.reference.lm_head.weight, other.network.lm_head.weight)


def test_log_probabilities_of_the_reference_are_computed_once(tiny, tmp_path):
    cache = tmp_path / "cache"
    first = run_implicit_training(
        outcomes(8), implicit_config(model=tiny, **FAST), tmp_path / "a", reference_cache=cache
    )
    (file,) = cache.iterdir()
    file.write_text(file.read_text() + '{"row": "torn')
    again = run_implicit_training(
        outcomes(9), implicit_config(model=tiny, **FAST), tmp_path / "b", reference_cache=cache
    )
    assert first.record["reference"]["computed"] == 8
    assert again.record["reference"]["computed"] == 1


KILLED = """
import sys
from omega_fast.train.implicit import run_implicit_training
from omega_fast.train.implicit_config import implicit_config
from tests.train.test_implicit import FAST, outcomes
config = implicit_config(model=sys.argv[1], save_every=2, epochs=3, keep_checkpoints=True, **FAST)
run_implicit_training(outcomes(32), config, sys.argv[2], on_log=lambda entry: print(entry["step"], flush=True))
"""


def test_a_training_that_is_killed_goes_on_with_the_same_curve(tiny, tmp_path):
    config = implicit_config(model=tiny, save_every=2, epochs=3, keep_checkpoints=True, **FAST)
    whole = run_implicit_training(outcomes(32), config, tmp_path / "whole")
    command = [sys.executable, "-c", KILLED, tiny, str(tmp_path / "killed")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        for line in child.stdout:
            if int(line) >= 5:
                child.send_signal(signal.SIGKILL)
                break
    resumed = run_implicit_training(outcomes(32), config, tmp_path / "killed")
    assert losses(resumed.record) == pytest.approx(losses(whole.record), rel=1e-5)
    with pytest.raises(RunConflictError, match="beta was"):
        train_implicit_prm(outcomes(32), tmp_path / "killed", model=tiny, **{**FAST, "beta": 0.1})


def test_rows_that_cannot_be_used_are_counted_and_named(tiny, tmp_path):
    rows = [
        *outcomes(4),
        {"prompt": "q", "response": "a"},
        {"prompt": "q", "response": " ", "label": 1},
        {"prompt": "q", "response": "a", "label": "maybe"},
        {"prompt": "q", "response": "a b c d\n" * 300, "label": True},
        {"prompt": "q", "completions": ["a"], "correctness": [True, False]},
    ]
    done = run_implicit_training(rows, implicit_config(model=tiny, **FAST), tmp_path / "prm")
    assert done.record["data"]["faults"] == {"unreadable": 3, "no_steps": 1, "too_long": 1}
    assert len((tmp_path / "prm" / "rows.quarantine.jsonl").read_text().splitlines()) == 5
    with pytest.raises(InputError, match="item 5 cannot be used"):
        train_implicit_prm(rows, tmp_path / "other", model=tiny, invalid="refuse", **FAST)


@pytest.mark.parametrize("objective", ["ce", "dpo"])
def test_rows_of_the_published_data_set_become_what_openrlhf_reads(tiny, tmp_path, objective):
    row = {"prompt": "x ?", "completions": [RIGHT, WRONG], "correctness": [1, 0], "dataset": "d"}
    chat = [{"role": "user", "content": "y ?"}, {"role": "assistant", "content": RIGHT}]
    rows = [
        row,
        {"response": chat, "label": 1},
        {"response": [*chat[:1], {**chat[1], "content": WRONG}], "label": 0},
    ]
    config = implicit_config(model=tiny, objective=objective, **FAST)
    run_implicit_training(rows, config, tmp_path / "prm", dataset=tmp_path / "rows.jsonl")
    written = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    if objective == "dpo":
        assert written == [{"prompt": each, "chosen": RIGHT, "rejected": WRONG} for each in ("x ?", "y ?")]
    else:
        assert [(each["prompt"], each["response"], each["label"]) for each in written] == [
            (prompt, text, text == RIGHT) for prompt in ("x ?", "y ?") for text in (RIGHT, WRONG)
        ]


def test_a_source_that_is_nowhere_is_named(tiny, tmp_path):
    with pytest.raises(InputError, match="local cache"):
        train_implicit_prm("nobody/nothing", tmp_path / "prm", model=tiny, **FAST)


def test_a_reference_that_is_gone_is_named(tiny, tmp_path):
    train_implicit_prm(outcomes(4), tmp_path / "prm", model=tiny, **FAST)
    with pytest.raises(BackendError, match="nowhere"):
        load_prm(tmp_path / "prm", reference=str(tmp_path / "nowhere"))
