"""The engine over a network in training: equal seeds, equal solutions, and new weights at once."""

import pytest
import torch
from tests.backends.tiny_checkpoints import save_checkpoint

from omega_fast.backends.prompts import PromptTemplate
from omega_fast.backends.shared_sampler import SharedSampler
from omega_fast.errors import BackendError
from omega_fast.models.prm_checkpoint import load_causal, load_tokenizer
from omega_fast.records import Question, Sampling

SAMPLING = Sampling(temperature=1.0, top_k=0, top_p=1.0, max_new_tokens=6)
PROMPTS = [Question("a", "x is 1", None), Question("b", "y is 2 .", None)]
SEEDS = [[1, 2, 3], [4, 5, 6]]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return str(save_checkpoint(tmp_path_factory.mktemp("shared") / "llama", "llama"))


def opened(place):
    network = load_causal(place)
    return network, SharedSampler(network, load_tokenizer(place), PromptTemplate(), SAMPLING, slots=4)


def ids(drawn):
    return [[tuple(each.token_ids) for each in group] for group in drawn]


def test_solutions_are_by_prompt_and_draw_whatever_shares_their_batch(place):
    _, sampler = opened(place)
    together = ids(sampler.sample(PROMPTS, 3, SEEDS))
    assert [len(group) for group in together] == [3, 3]
    apart = [ids(sampler.sample([prompt], 3, [own]))[0] for prompt, own in zip(PROMPTS, SEEDS, strict=True)]
    assert together == apart


def test_what_is_trained_is_what_is_sampled(place):
    network, sampler = opened(place)
    before, told = ids(sampler.sample(PROMPTS, 3, SEEDS)), sampler.log_probs(PROMPTS[0], (40, 50))
    with torch.no_grad():
        for each in network.parameters():
            each.mul_(0.5)
    sampler.load(1)
    assert sampler.version == 1
    assert ids(sampler.sample(PROMPTS, 3, SEEDS)) != before
    assert sampler.log_probs(PROMPTS[0], (40, 50)) != pytest.approx(told, abs=1e-2)


def test_log_probabilities_are_those_of_a_plain_forward(place):
    network, sampler = opened(place)
    prompt = load_tokenizer(place)(PROMPTS[0].problem)["input_ids"]
    logits = network(input_ids=torch.tensor([[*prompt, 40, 50]])).logits[0].detach().log_softmax(-1)
    wanted = [float(logits[len(prompt) - 1, 40]), float(logits[len(prompt), 50])]
    assert sampler.log_probs(PROMPTS[0], (40, 50)) == pytest.approx(wanted, abs=1e-4)


def test_a_draw_that_fails_is_an_error(place):
    _, sampler = opened(place)
    long = Question("c", "x is 1 . " * 200, None)
    with pytest.raises(BackendError, match="could not draw a solution"):
        sampler.sample([long], 1, [[1]])


def test_nothing_is_drawn_after_the_end(place):
    _, sampler = opened(place)
    sampler.close()
    sampler.close()
    with pytest.raises(BackendError, match="closed"):
        sampler.sample(PROMPTS, 1, [[1], [2]])
