import json
import math
import random
import shutil

import pytest
import torch
from huggingface_hub.errors import LocalEntryNotFoundError
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from omega_fast.errors import BackendError, InputError
from omega_fast.models.prm import ImplicitPRM, load_prm
from omega_fast.models.prm_card import PrmCard
from omega_fast.models.prm_checkpoint import load_causal
from omega_fast.models.scorers import load_scorer
from omega_fast.store.formats.outcomes import CE, Outcome
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


def test_the_revision_of_the_reference_is_in_the_card_and_loaded_again(tiny, tmp_path, monkeypatch):
    asked = []

    def loads(name, **options):
        asked.append((name, options.get("revision")))
        return load_causal(name, **options)

    train_implicit_prm(outcomes(8), tmp_path / "prm", model=tiny, revision="v1", max_steps=1, **FAST)
    card = PrmCard.read(tmp_path / "prm" / "prm.json")
    assert (card.reference, card.reference_revision, card.base_revision) == (tiny, "v1", "v1")
    monkeypatch.setattr("omega_fast.models.prm.load_causal", loads)
    load_prm(tmp_path / "prm")
    assert asked[1] == (tiny, "v1")
    load_prm(tmp_path / "prm", reference=tiny)
    assert asked[3] == (tiny, None)


def test_another_reference_has_no_revision_of_the_model(tiny, tmp_path):
    prm = train_implicit_prm(
        outcomes(8), tmp_path / "prm", model=tiny, reference=tiny, revision="v1", max_steps=1, **FAST
    )
    assert (prm.card.base_revision, prm.card.reference_revision) == ("v1", None)


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


def test_rows_that_cannot_be_used_are_counted_and_named(tiny, tmp_path):
    bad = [
        ({"prompt": "q", "response": "a"}, "lacks 'label'"),
        ({"prompt": "q", "response": " ", "label": 1}, "no step"),
        ({"prompt": "q", "response": "a", "label": "maybe"}, "'maybe' is not a label"),
        ({"prompt": "q", "response": "a", "label": math.nan}, "nan is not a hard label"),
        ({"prompt": "q", "response": "a b c d\n" * 300, "label": True}, "tokens"),
        ({"prompt": "q", "completions": ["a"], "correctness": [True, False]}, "differ in number"),
        (7, "is a int"),
    ]
    rows = [*outcomes(4), *(row for row, _ in bad)]
    done = run_implicit_training(rows, implicit_config(model=tiny, **FAST), tmp_path / "prm")
    report = done.record["data"]
    assert report["faults"] == {"unreadable": 5, "no_steps": 1, "too_long": 1}
    assert report["train"]["rows"] == 4
    written = [
        json.loads(line) for line in (tmp_path / "prm" / "rows.quarantine.jsonl").read_text().splitlines()
    ]
    reasons = {each["line"]: each["reason"] for each in written}
    for number, (_, said) in enumerate(bad, 5):
        assert said in reasons[number], number
    for number, (row, said) in enumerate(bad):
        with pytest.raises(InputError, match=f"item 1 cannot be used.*{said}"):
            train_implicit_prm([row], tmp_path / f"{number}", model=tiny, invalid="refuse", **FAST)


@pytest.mark.parametrize(
    ("rejected", "kind"), [(" \n ", "no_steps"), ("a b c d\n" * 300, "too_long"), (None, "unreadable")]
)
def test_a_pair_of_which_one_side_cannot_be_used_is_left_out_whole(tiny, tmp_path, rejected, kind):
    rows = [*pairs(4), {"prompt": "q", "chosen": RIGHT, "rejected": rejected}]
    config = implicit_config(model=tiny, objective="dpo", **FAST)
    done = run_implicit_training(rows, config, tmp_path / "prm", dataset=tmp_path / "rows.jsonl")
    assert done.record["data"]["faults"] == {kind: 1}
    assert len((tmp_path / "rows.jsonl").read_text().splitlines()) == 4
    with pytest.raises(InputError, match="item 5 cannot be used"):
        train_implicit_prm(rows, tmp_path / "other", model=tiny, objective="dpo", invalid="refuse", **FAST)


@pytest.mark.parametrize("pickled", ["model", "reference"])
def test_a_pickled_checkpoint_is_refused_before_anything_is_written(tiny, tmp_path, pickled):
    folder = tmp_path / "pickled"
    shutil.copytree(tiny, folder)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    settings = {"model": tiny, **FAST, pickled: str(folder)}
    with pytest.raises(BackendError, match=r"pytorch_model\.bin is pickled, which can run code") as refused:
        train_implicit_prm(outcomes(4), tmp_path / "prm", **settings)
    assert "convert it to" in refused.value.hint
    assert not any((tmp_path / "prm").iterdir())


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


def test_an_attempt_that_found_no_usable_row_leaves_its_folder_to_the_next(tiny, tmp_path):
    with pytest.raises(InputError, match="no solution can be learnt from \\(1 unreadable\\)"):
        train_implicit_prm([{"prompt": "q"}], tmp_path / "prm", model=tiny, **FAST)
    assert [each.name for each in (tmp_path / "prm").iterdir()] == ["rows.quarantine.jsonl"]
    config = implicit_config(model=tiny, **FAST)
    run_implicit_training(outcomes(4), config, tmp_path / "prm", dataset=tmp_path / "new" / "rows.jsonl")
    assert len((tmp_path / "new" / "rows.jsonl").read_text().splitlines()) == 4
    assert not (tmp_path / "prm" / "rows.quarantine.jsonl").exists()


def test_a_source_that_is_nowhere_is_named(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="local cache of the hub or on it") as refused:
        train_implicit_prm("nobody/nothing", tmp_path / "prm", model=tiny, **FAST)
    assert "hf download --repo-type dataset nobody/nothing" in refused.value.hint


@pytest.mark.parametrize("name", ["out/rows.jsonl", "rows", "./a/b", "a/b/c"])
def test_a_file_that_is_not_there_is_not_looked_for_on_the_hub(tiny, tmp_path, monkeypatch, name):
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *_, **__: pytest.fail("it was asked for"))
    with pytest.raises(InputError, match=f"there is no file {name}"):
        train_implicit_prm(name, tmp_path / "prm", model=tiny, **FAST)


def test_a_data_set_of_the_hub_is_fetched_if_it_never_was(tiny, tmp_path, monkeypatch):
    asked = []

    def fetch(name, *, repo_type, local_files_only=False, allow_patterns=None):
        asked.append((name, repo_type, local_files_only))
        if local_files_only:
            raise LocalEntryNotFoundError("never fetched")
        assert "*.parquet" in allow_patterns
        (tmp_path / "hub" / "data").mkdir(parents=True)
        CE.write_rows(tmp_path / "hub" / "data" / "train.parquet", [Outcome("x ?", RIGHT, label=True)])
        return str(tmp_path / "hub")

    monkeypatch.setattr("huggingface_hub.snapshot_download", fetch)
    done = run_implicit_training("owner/rollouts", implicit_config(model=tiny, **FAST), tmp_path / "prm")
    assert asked == [("owner/rollouts", "dataset", True), ("owner/rollouts", "dataset", False)]
    assert done.record["data"]["train"]["rows"] == 1


def test_a_reference_that_is_gone_is_named(tiny, tmp_path):
    train_implicit_prm(outcomes(4), tmp_path / "prm", model=tiny, **FAST)
    with pytest.raises(BackendError, match="nowhere"):
        load_prm(tmp_path / "prm", reference=str(tmp_path / "nowhere"))
