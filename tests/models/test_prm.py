import json

import pytest
import torch
from transformers import AutoModelForTokenClassification, AutoTokenizer
from transformers.utils import logging

from omega_fast.backends.prompts import PromptTemplate
from omega_fast.errors import BackendError, ConfigError, InputError
from omega_fast.models.base import ProcessRewardModel
from omega_fast.models.ledger_policy import ASSETS
from omega_fast.models.prm import PRM, load_prm
from omega_fast.models.prm_card import PrmCard
from omega_fast.models.prm_checkpoint import load_classifier, load_tokenizer
from tests.backends.tiny_checkpoints import save_checkpoint

torch.set_num_threads(1)
logging.disable_progress_bar()

TEMPLATE = PromptTemplate(style="plain", text="{problem}\n")
SOLUTIONS = [
    ("x is 9 . ?", ["a y 1 + 8 = 9\n", "b x 9 - 2 = 7\n"]),
    ("x is 9 . y is 1 . ?", ["answer 7 9\n"]),
    ("y ?", ["a y 1 + 8 = 9\n", "naïve café\n", "b x 9 - 2 = 7\n", "answer\n"]),
]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return save_checkpoint(tmp_path_factory.mktemp("tiny") / "llama", "llama")


def made(place, head="token-cls", **card) -> PRM:
    torch.manual_seed(0)
    network = load_classifier(str(place), head)
    return PRM(
        network, load_tokenizer(str(place)), PrmCard(head=head, separator="\n", template=TEMPLATE, **card)
    )


@pytest.mark.parametrize("head", ["token-cls", "value"])
def test_a_batch_scores_as_each_solution_alone(tiny, head):
    prm = made(tiny, head)
    assert isinstance(prm, ProcessRewardModel)
    alone = [prm.score(*solution) for solution in SOLUTIONS]
    for batch_tokens in (1, 40, 10_000):
        together = prm.score_many(SOLUTIONS, batch_tokens=batch_tokens)
        for one, other, (_, steps) in zip(alone, together, SOLUTIONS, strict=True):
            assert len(other) == len(steps)
            assert other == pytest.approx(one, abs=1e-5)
            assert all(0 < score < 1 for score in other)


def test_a_step_is_scored_by_what_comes_before_it_alone(tiny):
    prm = made(tiny)
    problem, steps = SOLUTIONS[2]
    whole = prm(problem, steps)
    for count in range(1, len(steps)):
        assert prm(problem, steps[:count]) == pytest.approx(whole[:count], abs=1e-5)


def test_one_forward_scores_a_solution(tiny):
    prm, calls = made(tiny), []
    prm.network.register_forward_hook(lambda *_: calls.append(1))
    prm.score(*SOLUTIONS[2])
    assert len(calls) == 1


def test_a_score_is_the_probability_of_class_one_in_plain_transformers(tiny, tmp_path):
    made(tiny).save(tmp_path / "prm")
    ours = load_prm(tmp_path / "prm", device="cpu")
    problem, steps = SOLUTIONS[0]
    encoded = ours.encoder.encode(problem, steps)
    plain = AutoModelForTokenClassification.from_pretrained(tmp_path / "prm").eval()
    assert plain.config.id2label == {0: "wrong", 1: "right"}
    tokens = AutoTokenizer.from_pretrained(tmp_path / "prm")(problem + "\n" + "".join(steps))["input_ids"]
    assert tokens[-1] == encoded.ids[-1]
    with torch.no_grad():
        logits = plain(torch.tensor([encoded.ids])).logits[0]
    expected = logits.softmax(-1)[list(encoded.ends), 1].tolist()
    assert ours(problem, steps) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("head", ["token-cls", "value"])
def test_what_is_saved_scores_the_same_when_it_is_loaded(tiny, tmp_path, head):
    prm = made(tiny, head, aggregation="min")
    prm.save(tmp_path / "prm")
    loaded = load_prm(tmp_path / "prm", device="cpu")
    assert loaded.card == prm.card
    assert loaded.score_many(SOLUTIONS) == prm.score_many(SOLUTIONS)
    assert loaded.score_solution(*SOLUTIONS[0]) == min(prm(*SOLUTIONS[0]))
    assert {path.name for path in (tmp_path / "prm").iterdir()} >= {
        "model.safetensors",
        "prm.json",
        "config.json",
    }


@pytest.mark.parametrize("architecture", ["gpt2", "qwen2", "mistral"])
def test_other_architectures_take_the_heads(tmp_path, architecture):
    place = save_checkpoint(tmp_path / architecture, architecture)
    prm = made(place)
    alone = [prm.score(*solution) for solution in SOLUTIONS]
    for one, other in zip(alone, prm.score_many(SOLUTIONS), strict=True):
        assert other == pytest.approx(one, abs=1e-5)


def test_an_architecture_that_transformers_gives_no_such_head_is_told(tmp_path):
    place = save_checkpoint(tmp_path / "gemma3", "gemma3")
    with pytest.raises(BackendError, match="gemma3_text") as caught:
        made(place)
    assert "probe" in caught.value.hint


def test_the_embedded_policy_takes_a_head():
    prm = made(ASSETS)
    assert len(prm("x is 7 . a x add 1 . ?", ["a x 7 + 1 = 8\n", "answer 8\n"])) == 2


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt"])
def test_a_pickled_checkpoint_is_refused_whether_file_or_folder(tiny, tmp_path, name):
    folder = tmp_path / "old"
    folder.mkdir()
    torch.save({}, folder / name)
    made(tiny).card.write(folder)
    for place in (folder, folder / name):
        with pytest.raises(BackendError, match="pickled") as caught:
            load_prm(place)
        assert "safetensors" in caught.value.hint


def test_a_checkpoint_without_a_card_needs_one(tiny, tmp_path):
    prm = made(tiny)
    prm.save(tmp_path / "prm")
    (tmp_path / "prm" / "prm.json").unlink()
    with pytest.raises(BackendError, match=r"prm\.json"):
        load_prm(tmp_path / "prm")
    given = load_prm(tmp_path / "prm", card=prm.card, device="cpu")
    assert given.score_many(SOLUTIONS) == prm.score_many(SOLUTIONS)


@pytest.mark.parametrize("content", ["{", '{"version": 2}', '{"head": "nine"}', '{"surprise": 1}'])
def test_a_card_that_cannot_be_understood_is_named(tiny, tmp_path, content):
    made(tiny).save(tmp_path / "prm")
    (tmp_path / "prm" / "prm.json").write_text(content)
    with pytest.raises(BackendError, match=r"prm\.json"):
        load_prm(tmp_path / "prm")


def test_the_card_is_plain_json(tiny, tmp_path):
    made(tiny, aggregation="last").save(tmp_path / "prm")
    card = json.loads((tmp_path / "prm" / "prm.json").read_text())
    assert (card["version"], card["head"], card["separator"], card["aggregation"]) == (
        1,
        "token-cls",
        "\n",
        "last",
    )


def test_the_solution_that_cannot_be_scored_is_named(tiny):
    with pytest.raises(InputError, match="solution 2 cannot be scored: step 1 is blank"):
        made(tiny).score_many([SOLUTIONS[0], ("x", ["\n"])])
    with pytest.raises(InputError, match="tokens"):
        made(tiny).score("x", ["a y 1 + 8 = 9\n"] * 200)


def test_more_tokens_than_the_model_takes_cannot_be_asked_for(tiny):
    with pytest.raises(ConfigError, match="max_length"):
        made(tiny, max_length=4096)


def test_a_name_that_leads_nowhere_is_told(tmp_path):
    with pytest.raises(BackendError):
        load_prm(tmp_path / "absent", card=PrmCard())
