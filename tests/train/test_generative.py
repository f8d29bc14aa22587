"""Fine-tuning on critiques: what is learnt, what is refused, and losses and gradients beside plain loops and TRL."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

import omega_fast
from omega_fast.errors import BackendError, ConfigError, InputError, RunConflictError
from omega_fast.models.conversation_encoder import ConversationEncoder
from omega_fast.models.prm_card import PrmCard
from omega_fast.models.prm_checkpoint import load_causal
from omega_fast.models.scorers import ScorerOptions, load_scorer
from omega_fast.train.adapters import with_adapters
from omega_fast.train.arguments import arguments_of
from omega_fast.train.generative import run_generative_training, train_generative_prm
from omega_fast.train.generative_config import generative_config
from omega_fast.train.generative_data import read_generative_data
from omega_fast.train.generative_trainer import GenerativeTrainer, talk_batch, verdict_weights
from omega_fast.train.merging import merge_adapter
from tests.train.talks import TEMPLATE, TRAINABLE, reply, talk, talks
from tests.train.trainers import gradients

FAST = {"device": "cpu", "validation": 0.0, "learning_rate": 1e-2, "log_every": 1, "lora_rank": 8}


@pytest.fixture(scope="session")
def chat(tiny, tmp_path_factory):
    """The tiny model as a chat model, whose template has no marks."""
    folder = tmp_path_factory.mktemp("chat") / "llama"
    shutil.copytree(tiny, folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    return str(folder)


def trainer_on(rows, model, folder, **settings):
    config = generative_config(
        **{"model": model, "validation": 0.0, "device": "cpu", "warmup": 0.0, **settings}
    )
    encoder = ConversationEncoder(AutoTokenizer.from_pretrained(model), 128)
    data = read_generative_data(rows, config, encoder)
    network = with_adapters(load_causal(model), config, classifies=False)
    arguments = arguments_of(config, folder, evaluates=False)
    return GenerativeTrainer(network, arguments, tokenizer=encoder.tokenizer, train=data.train)


def moved(trainer):
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for each in trainer.model.parameters():
            if each.requires_grad:
                each.add_(torch.randn(each.shape, generator=generator), alpha=0.02)
    return trainer


def backward(loss, network):
    network.zero_grad()
    loss.backward()
    return loss.item(), {name: each.clone() for name, each in gradients(network).items()}


def same(ours, theirs):
    assert ours[0] == pytest.approx(theirs[0], rel=1e-5)
    assert ours[1].keys() == theirs[1].keys()
    assert sum(each.norm() for each in ours[1].values()) > 0.01
    for name, gradient in ours[1].items():
        torch.testing.assert_close(gradient, theirs[1][name], rtol=1e-3, atol=1e-6, msg=name)


@pytest.mark.parametrize("rank", [0, 4])
def test_loss_and_gradients_equal_a_loop_over_what_the_assistant_says(chat, tmp_path, rank):
    rows = talks(5)
    ours = moved(trainer_on(rows, chat, tmp_path, lora_rank=rank))
    tokenizer = AutoTokenizer.from_pretrained(chat)
    total, count = 0.0, 0
    for row in rows:
        ids: list[int] = []
        learnt: list[bool] = []
        for message in row["messages"]:
            speaks = message["role"] == "assistant"
            text = message["content"] + (tokenizer.eos_token if speaks else "\n")
            new = tokenizer(text, add_special_tokens=False)["input_ids"]
            ids += new
            learnt += [speaks] * len(new)
        told = ours.model(torch.tensor([ids])).logits[0].log_softmax(-1)
        for at in range(1, len(ids)):
            if learnt[at]:
                total = total - told[at - 1, ids[at]]
                count += 1
    expected = backward(total / count, ours.model)
    same(backward(ours.compute_loss(ours.model, talk_batch(ours.train_dataset)), ours.model), expected)


def test_loss_and_gradients_equal_those_of_trl(chat, tmp_path):
    trl, datasets = pytest.importorskip("trl"), pytest.importorskip("datasets")
    rows = talks(5)
    ours = moved(trainer_on(rows, chat, tmp_path / "ours", lora_rank=4))
    tokenizer = AutoTokenizer.from_pretrained(chat)
    tokenizer.chat_template = TRAINABLE
    tokenizer.pad_token = tokenizer.eos_token
    theirs = trl.SFTTrainer(
        model=ours.model,
        args=trl.SFTConfig(
            output_dir=str(tmp_path / "trl"),
            assistant_only_loss=True,
            max_length=None,
            use_cpu=True,
            bf16=False,
            report_to="none",
            gradient_checkpointing=False,
        ),
        train_dataset=datasets.Dataset.from_list(rows),
        processing_class=tokenizer,
    )
    batch = theirs.data_collator([dict(row) for row in theirs.train_dataset])
    found = talk_batch(ours.train_dataset)
    assert torch.equal(batch["labels"], found["labels"])
    expected = backward(theirs.compute_loss(ours.model, dict(batch)), ours.model)
    same(backward(ours.compute_loss(ours.model, found), ours.model), expected)


def test_each_verdict_has_its_place_among_the_tokens(chat, tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(chat)
    for row, item in zip(talks(6), trainer_on(talks(6), chat, tmp_path).train_dataset, strict=True):
        signs = [reply["content"][15] for reply in row["messages"] if reply["role"] == "assistant"]
        assert [right for _, right in item.verdicts] == [sign == "+" for sign in signs]
        assert all(item.spoken[at] for at, _ in item.verdicts)
        assert [tokenizer.decode(item.ids[at])[-1:] for at, _ in item.verdicts] == signs


def test_verdicts_weigh_as_told_and_both_kinds_alike_if_balanced(chat, tmp_path):
    trainer = trainer_on(talks(4), chat, tmp_path)
    items = trainer.train_dataset
    assert verdict_weights(items, 3.0, balance=False) == (3.0, 3.0)
    wrong, right = verdict_weights(items, 3.0, balance=True)
    counts = [sum(kind is right for item in items for _, right in item.verdicts) for kind in (False, True)]
    assert counts[0] != counts[1]
    assert wrong * counts[0] == pytest.approx(right * counts[1])
    assert wrong * counts[0] + right * counts[1] == pytest.approx(3.0 * sum(counts))
    plain = trainer.unit_losses(trainer.model, talk_batch(items))[0]
    weighed = trainer.unit_losses(trainer.model, talk_batch(items, (wrong, right)))[0]
    expected = plain.clone()
    for row, item in enumerate(items):
        for at, is_right in item.verdicts:
            expected[row, at - 1] *= right if is_right else wrong
    torch.testing.assert_close(weighed, expected)
    assert not torch.equal(weighed, plain)


def test_of_one_kind_of_verdict_alone_nothing_is_balanced(chat, tmp_path):
    items = trainer_on([talk(number) for number in range(3)], chat, tmp_path).train_dataset
    assert verdict_weights(items, 1.0, balance=True) == (1.0, 1.0)


def test_a_batch_in_parts_has_the_gradient_of_the_whole(chat, tmp_path):
    trainer = moved(trainer_on(talks(6), chat, tmp_path))
    items = list(trainer.train_dataset)
    units = torch.tensor(int((talk_batch(items)["labels"] != -100).sum()))
    found = []
    for parts in ([items], [items[:1], items[1:]]):
        trainer.model.zero_grad()
        for part in parts:
            trainer.compute_loss(trainer.model, talk_batch(part), num_items_in_batch=units).backward()
        found.append(torch.cat([each.flatten() for each in gradients(trainer.model).values()]))
    assert (found[0] - found[1]).norm() < 1e-5 * found[0].norm()


@pytest.fixture(scope="session")
def trained(chat, tmp_path_factory):
    """A model that has learnt that `a` is right and `b` is wrong."""
    folder = tmp_path_factory.mktemp("trained") / "prm"
    run_generative_training(talks(48), generative_config(model=chat, epochs=20, batch_size=8, **FAST), folder)
    return folder


def test_the_model_says_what_it_was_taught_and_is_opened_as_a_scorer(trained):
    prm = load_scorer(str(trained), options=ScorerOptions(device="cpu"))
    right, wrong = prm("x 999", ["a"])[0], prm("x 999", ["b"])[0]
    assert right > 0.9
    assert wrong < 0.1
    assert prm.critiques("x 999", ["a", "b"]) == [reply("+"), reply("-")]
    assert prm.score_many([("x 7", ["a\n", "b\n"])])[0] == prm("x 7", ["a", "b"])
    assert AutoModelForCausalLM.from_pretrained(trained).config.model_type == "llama"
    assert not list(trained.rglob("*.bin"))
    card = PrmCard.read(trained / "prm.json")
    assert (card.head, card.verdict, card.aggregation) == ("generative", "boxed", "min")


def test_a_score_is_the_softmax_of_both_verdicts_where_the_verdict_stands(trained):
    prm = load_scorer(str(trained), options=ScorerOptions(device="cpu"))
    tokenizer = AutoTokenizer.from_pretrained(trained)
    network = AutoModelForCausalLM.from_pretrained(trained)
    before = "x 5\na\n" + reply("+").partition("+")[0]
    ids = tokenizer(before, add_special_tokens=False)["input_ids"]
    logits = network(torch.tensor([ids])).logits[0, -1].detach()
    pair = [tokenizer.encode(sign, add_special_tokens=False)[-1] for sign in "+-"]
    assert tokenizer("".join([before, "+}"]), add_special_tokens=False)["input_ids"][len(ids)] == pair[0]
    assert prm("x 5", ["a"])[0] == pytest.approx(float(logits[pair].softmax(0)[0]), abs=1e-5)


def test_the_adapter_that_stays_gives_the_same_model_when_it_is_merged(trained, chat, tmp_path):
    done = merge_adapter(chat, trained / "adapter", tmp_path / "merged")
    assert done.modules == 14
    ours, theirs = (load_file(each / "model.safetensors") for each in (trained, tmp_path / "merged"))
    assert ours.keys() == theirs.keys()
    for name, weight in ours.items():
        torch.testing.assert_close(weight, theirs[name])
    prm = load_scorer(str(tmp_path / "merged"), options=ScorerOptions(device="cpu"))
    assert prm("x 1", ["a"])[0] > 0.9
    with pytest.raises(ConfigError, match="is there already"):
        merge_adapter(chat, trained / "adapter", tmp_path / "merged")


def test_an_adapter_is_not_merged_into_another_base(trained, chat, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(chat, other)
    weights = load_file(other / "model.safetensors")
    save_file(
        {name: each + 1 for name, each in weights.items()}, other / "model.safetensors", {"format": "pt"}
    )
    with pytest.raises(ConfigError, match="has other weights"):
        merge_adapter(str(other), trained / "adapter", tmp_path / "merged")
    foreign = tmp_path / "foreign"
    shutil.copytree(trained / "adapter", foreign)
    (foreign / "base.json").unlink()
    settings = json.loads((foreign / "adapter_config.json").read_text())
    (foreign / "adapter_config.json").write_text(
        json.dumps({**settings, "base_model_name_or_path": "Qwen/Qwen2.5-7B"})
    )
    with pytest.raises(ConfigError, match=r"was trained on Qwen/Qwen2\.5-7B"):
        merge_adapter(chat, foreign, tmp_path / "merged")
    (foreign / "adapter_config.json").write_text(
        json.dumps({**settings, "base_model_name_or_path": "ledger-policy"})
    )
    with pytest.raises(ConfigError, match="does not fit ledger-policy"):
        merge_adapter("ledger-policy", foreign, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_a_pickled_or_broken_adapter_is_refused(trained, chat, tmp_path):
    for name, change, said in (
        ("pickled", "adapter_model.bin", "is pickled, which can run code"),
        ("empty", None, "has no adapter_model.safetensors"),
    ):
        folder = tmp_path / name
        shutil.copytree(trained / "adapter", folder)
        (folder / "adapter_model.safetensors").unlink()
        if change:
            torch.save({}, folder / change)
        with pytest.raises(BackendError, match=said):
            merge_adapter(chat, folder, tmp_path / "merged")
    broken = tmp_path / "broken"
    shutil.copytree(trained / "adapter", broken)
    (broken / "adapter_config.json").write_text("{")
    with pytest.raises(BackendError, match="does not describe an adapter"):
        merge_adapter(chat, broken, tmp_path / "merged")
    with pytest.raises(BackendError, match="is no folder"):
        merge_adapter(chat, tmp_path / "nowhere", tmp_path / "merged")


def test_rows_that_cannot_be_used_are_counted_and_named(chat, tmp_path):
    bad = [
        ({"text": "x"}, "lacks", "unreadable"),
        (7, "is a int", "unreadable"),
        ({"messages": [{"role": "user", "content": "x"}]}, "take turns", "unreadable"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "nobody speaks as 'tool'", "unreadable"),
        ({"messages": [{"role": "user", "content": " "}]}, "has no text", "unreadable"),
        (
            {"messages": [talk(1)["messages"][0], {"role": "assistant", "content": "fine"}]},
            "no verdict",
            "no_label",
        ),
        (talk(2, "+" * 20), "tokens and may have 128", "too_long"),
    ]
    rows = [*talks(4), talks(4)[0], *(row for row, _, _ in bad)]
    done = run_generative_training(rows, generative_config(model=chat, max_steps=1, **FAST), tmp_path / "prm")
    report = done.record["data"]
    assert report["faults"] == {"unreadable": 5, "no_label": 1, "too_long": 1}
    assert report["train"]["rows"] == 4
    assert report["duplicates"] == 1
    written = [
        json.loads(line) for line in (tmp_path / "prm" / "rows.quarantine.jsonl").read_text().splitlines()
    ]
    for row, (_, said, _) in zip(written, bad, strict=True):
        assert said in row["reason"]
    with pytest.raises(InputError, match="item 1 cannot be used"):
        train_generative_prm([bad[0][0]], tmp_path / "other", model=chat, invalid="refuse", **FAST)
    with pytest.raises(InputError, match="no conversation can be learnt from"):
        train_generative_prm([bad[0][0]], tmp_path / "third", model=chat, **FAST)


def test_the_same_call_goes_on_and_another_setting_is_refused(chat, tmp_path):
    settings = {**FAST, "model": chat, "save_every": 2, "max_steps": 4, "keep_checkpoints": True}
    whole = run_generative_training(talks(12), generative_config(**settings), tmp_path / "whole")
    broken = tmp_path / "broken"
    shutil.copytree(tmp_path / "whole", broken)
    shutil.rmtree(broken / "checkpoints" / "checkpoint-4")
    (broken / "prm.json").unlink()
    record = json.loads((broken / "training.json").read_text())
    (broken / "training.json").write_text(json.dumps({**record, "finished": False}))
    again = run_generative_training(talks(12), generative_config(**settings), broken)
    losses = [[each["loss"] for each in done.record["log"] if "loss" in each] for done in (whole, again)]
    assert losses[0] == pytest.approx(losses[1])
    ours, theirs = (load_file(tmp_path / each / "model.safetensors") for each in ("whole", "broken"))
    for name, weight in ours.items():
        torch.testing.assert_close(weight, theirs[name])
    with pytest.raises(RunConflictError, match="learning_rate"):
        run_generative_training(
            talks(12), generative_config(**{**settings, "learning_rate": 1e-3}), tmp_path / "whole"
        )


def test_adapters_trained_by_muon_keep_what_reads_and_learn_the_same_talks(chat, tmp_path):
    settings = {**FAST, "model": chat, "optimizer": "muon", "learning_rate": 0.05, "max_steps": 120}
    prm = train_generative_prm(talks(12), tmp_path / "prm", **settings)
    kept = load_file(tmp_path / "prm" / "adapter" / "adapter_model.safetensors")
    reading = [weight for name, weight in kept.items() if ".lora_A." in name]
    assert reading
    for weight in reading:
        rows = weight if weight.shape[0] <= weight.shape[1] else weight.T
        torch.testing.assert_close(rows @ rows.T, torch.eye(len(rows)), rtol=0, atol=1e-4)
    assert prm("x 1", ["b"])[0] < 0.5 < prm("x 1", ["a"])[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [("verdict_weight", float("inf")), ("verdict_weight", 0), ("scheduler", "wsd"), ("optimizer", "sgd")],
)
def test_a_setting_that_cannot_be_is_named(name, value):
    with pytest.raises(ConfigError, match=name):
        generative_config(**{name: value})


def test_muon_takes_no_adapter_wider_than_what_it_reads(chat, tmp_path):
    settings = {**FAST, "model": chat, "optimizer": "muon", "lora_rank": 1000, "max_steps": 1}
    with pytest.raises(ConfigError, match="lora_rank is 1000"):
        train_generative_prm(talks(4), tmp_path / "prm", **settings)


def test_a_rate_can_stay_up_before_it_falls(chat, tmp_path):
    settings = {**FAST, "model": chat, "max_steps": 10, "warmup": 0.1, "scheduler": "warmup_stable_decay"}
    done = run_generative_training(talks(12), generative_config(**settings), tmp_path / "prm")
    rates = [entry["learning_rate"] for entry in done.record["log"] if "learning_rate" in entry]
    assert rates[1:4] == [FAST["learning_rate"]] * 3
    assert rates[4:] == sorted(rates[4:], reverse=True)
    assert rates[-1] < 0.1 * FAST["learning_rate"]


def test_llama_factorys_description_says_where_conversations_are(chat, tmp_path):
    rows = [
        {
            "said": [
                {"from": "human", "value": each["messages"][0]["content"]},
                {"from": "gpt", "value": reply("+")},
            ]
        }
        for each in talks(3)
    ]
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    info = {
        "mine": {"file_name": "rows.json", "formatting": "sharegpt", "columns": {"messages": "said"}},
        "other": {"file_name": "rows.json"},
    }
    (tmp_path / "dataset_info.json").write_text(json.dumps(info))
    config = generative_config(model=chat, **FAST)
    encoder = ConversationEncoder(AutoTokenizer.from_pretrained(chat), 128)
    assert len(read_generative_data(tmp_path, config, encoder).train) == 3
    for name, said in (("other", "not of the formatting sharegpt"), ("third", "no data set 'third'")):
        with pytest.raises(InputError, match=said):
            read_generative_data(tmp_path, generative_config(model=chat, dataset=name, **FAST), encoder)


def test_a_right_or_wrong_in_one_word_is_learnt_as_well(chat, tmp_path):
    rows = [
        {"messages": [{"role": "user", "content": f"x {n}\na"}, {"role": "assistant", "content": "Right"}]}
        for n in range(4)
    ]
    done = run_generative_training(rows, generative_config(model=chat, max_steps=1, **FAST), tmp_path / "prm")
    assert done.prm.card.verdict == "word"
    assert done.record["data"]["train"]["right"] == 4


def test_what_llama_factory_would_take_stands_beside_the_model(trained):
    said = (trained / "llamafactory.yaml").read_text()
    assert "stage: sft" in said
    assert "per_device_train_batch_size: 8" in said


def test_a_model_without_a_chat_template_is_refused_before_data_are_read(tiny, tmp_path):
    with pytest.raises(ConfigError, match="no chat template") as refused:
        train_generative_prm(talks(2), tmp_path / "prm", model=tiny, **FAST)
    assert "--chat-template" in refused.value.hint
    (tmp_path / "template.jinja").write_text(TEMPLATE)
    train_generative_prm(
        talks(2), tmp_path / "prm", model=tiny, chat_template=tmp_path / "template.jinja", max_steps=1, **FAST
    )


def test_the_defaults_are_those_of_the_published_fine_tuning():
    config = generative_config(model="some/model")
    assert (config.batch_size, config.rate, config.passes, config.lora_rank) == (4, 5e-5, 3.0, 8)
    assert omega_fast.train_generative_prm is train_generative_prm
