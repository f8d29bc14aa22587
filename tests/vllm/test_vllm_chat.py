"""A chat model on a real server: answers, and the odds of their first token as the model itself has them."""

from __future__ import annotations

import pytest

from omega_fast.backends.chat_server import ChatServer
from omega_fast.backends.server_settings import ServedModel
from omega_fast.errors import InputError
from omega_fast.models.scorers.chat_odds import OddsScorer

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(1200)]

QUESTION = "x is 7 . y is 6 . a y take 5 . b x times 9 . c x take y . ?"


@pytest.fixture
def chat(server):
    opened = ChatServer(ServedModel(base_url=server.url), with_odds=True)
    yield opened
    opened.close()


def test_odds_are_those_of_the_model(chat, long_policy):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(long_policy)
    model = AutoModelForCausalLM.from_pretrained(long_policy, dtype=torch.float32).eval()
    ids = tokenizer(QUESTION + "\n", add_special_tokens=False).input_ids
    with torch.inference_mode():
        wanted = model(torch.tensor([ids])).logits[0, -1].softmax(-1).topk(20)
    found = chat.odds(QUESTION).result(120)
    assert sum(found.values()) == pytest.approx(float(wanted.values.sum()), abs=1e-4)
    likeliest = max(found, key=found.__getitem__)
    assert likeliest == tokenizer.decode(wanted.indices[:1])
    assert found[likeliest] == pytest.approx(float(wanted.values[0]), abs=1e-4)


def test_an_answer_says_whether_the_model_ended_it(chat):
    cut = chat.answer(QUESTION, temperature=0, max_tokens=4, seed=1).result(120)
    whole = chat.answer(QUESTION, temperature=0, max_tokens=256, seed=1).result(120)
    assert not cut.is_whole
    assert whole.is_whole
    assert whole.text.startswith(cut.text)
    assert chat.counts()["generated_tokens"] > 4


def test_a_model_that_does_not_answer_in_words_gives_no_odds(chat):
    with pytest.raises(InputError, match="does not begin with Right or Wrong, but with"):
        OddsScorer(chat).score_many([("1 + 1 = ?", ["2"])])
