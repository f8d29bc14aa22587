import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from omega_fast.errors import ConfigError
from omega_fast.models.prm import load_prm
from omega_fast.train.prm import train_prm
from omega_fast.train.prm_config import ntp_config
from tests.train.solutions import RIGHT, WRONG, solutions
from tests.train.test_prm import FAST
from tests.train.trainers import trainer_on

NTP = {"head": "ntp", "loss": "ce"}


@pytest.mark.parametrize("begin", ["<|reserved_special_token_0|>", "<begin>", ""])
def test_markers_stand_where_they_are_said_to(tiny, tmp_path, begin):
    prm = train_prm(
        solutions(8), tmp_path / "prm", model=tiny, epochs=1, begin_of_action_token=begin, **NTP, **FAST
    )
    encoded = prm.encoder.encode("x is 3 . ?", [RIGHT, WRONG])
    tokens = prm.tokenizer.convert_ids_to_tokens(list(encoded.ids))
    assert [tokens[at] for at in encoded.ends] == ["<|reserved_special_token_0|>"] * 2
    assert tokens.count("<|reserved_special_token_0|>") == 2
    assert tokens.count("<begin>") == (2 if begin == "<begin>" else 0)


def test_the_good_and_the_bad_token_are_learnt_at_the_marker(tiny, tmp_path):
    prm = train_prm(solutions(60), tmp_path / "prm", model=tiny, epochs=12, **NTP, **FAST)
    right, wrong = prm("x is 3 . ?", [RIGHT, WRONG])
    assert right > 0.8
    assert wrong < 0.2
    assert load_prm(tmp_path / "prm", device="cpu")("x is 3 . ?", [RIGHT, WRONG]) == [right, wrong]
    network = AutoModelForCausalLM.from_pretrained(tmp_path / "prm")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "prm")
    encoded = prm.encoder.encode("x is 3 . ?", [RIGHT, WRONG])
    logits = network(torch.tensor([encoded.ids])).logits[0, list(encoded.ends)]
    two = logits[:, tokenizer.convert_tokens_to_ids(["+", "-"])].softmax(-1)[:, 0]
    assert [right, wrong] == pytest.approx(two.tolist(), abs=1e-5)


def test_the_loss_is_plain_cross_entropy_of_the_two_tokens(tiny, tmp_path):
    trainer = trainer_on(solutions(6), tiny, tmp_path, prm_token="<|end|>", begin_of_action_token="", **NTP)
    batch = trainer.data_collator(list(trainer.train_dataset))
    loss = trainer.compute_loss(trainer.model.eval(), batch)
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    two = tokenizer.convert_tokens_to_ids(["-", "+"])
    total, count = 0.0, 0
    for item in trainer.train_dataset:
        (sequence,) = item.sequences
        logits = trainer.model(torch.tensor([sequence.ids])).logits[0].double()
        for end, target in zip(sequence.ends, sequence.targets, strict=True):
            chances = torch.exp(logits[end, two]) / torch.exp(logits[end, two]).sum()
            total, count = total - torch.log(chances[int(target)]), count + 1
    assert loss.item() == pytest.approx((total / count).item(), rel=1e-5)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"good_token": "+", "bad_token": "+"}, "same token"),
        ({"good_token": "x is 1"}, "not one token"),
        ({"lora_rank": 4}, "embedding of a new token"),
    ],
)
def test_tokens_that_cannot_be_learnt_are_refused(tiny, tmp_path, settings, said):
    with pytest.raises(ConfigError, match=said):
        train_prm(solutions(4), tmp_path / "prm", model=tiny, **NTP, **FAST, **settings)


def test_adapters_learn_tokens_that_the_model_has(tiny, tmp_path):
    pytest.importorskip("peft")
    tokens = {"prm_token": "<|end|>", "begin_of_action_token": "<|end|>"}
    slow = {**FAST, "learning_rate": 2e-2}
    prm = train_prm(
        solutions(60), tmp_path / "prm", model=tiny, lora_rank=4, epochs=6, **NTP, **tokens, **slow
    )
    right, wrong = prm("x is 999 . ?", [RIGHT, WRONG])
    assert right > wrong


def test_the_command_presets_head_and_loss():
    config = ntp_config(prm_token="<x>")
    assert (config.head, config.loss, config.prm_token) == ("ntp", "ce", "<x>")
