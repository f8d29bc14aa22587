import math

import pytest
import torch

from omega_fast.config import resolve
from omega_fast.errors import InputError
from omega_fast.jobs.opening import torch_policy
from omega_fast.models import policy_likelihood
from omega_fast.models.ledger_policy import ASSETS
from omega_fast.tasks.ledger import LedgerConfig, questions, right_solutions

QUESTION = next(questions(LedgerConfig(), 1, seed=0, split="test"))


@pytest.fixture(scope="module")
def open_at():
    def at(temperature: float):
        return torch_policy(
            resolve("ledger", env={}, overrides={"question_file": "ledger", "temperature": temperature})
        )

    return at


def token_by_token(text: str, temperature: float) -> float:
    """The same, one forward a token."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    network, tokenizer = AutoModelForCausalLM.from_pretrained(ASSETS), AutoTokenizer.from_pretrained(ASSETS)
    ids = tokenizer(f"{QUESTION.problem}\n")["input_ids"]
    total = 0.0
    with torch.inference_mode():
        for token in [*tokenizer(text, add_special_tokens=False)["input_ids"], network.config.eos_token_id]:
            logits = network(torch.tensor([ids])).logits[0, -1] / temperature
            total += float(logits.log_softmax(-1)[token])
            ids.append(token)
    return total


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_a_solution_is_as_likely_as_its_tokens_and_the_end_one_after_the_other(open_at, temperature):
    text = "".join(next(right_solutions(QUESTION.problem)))
    (found,) = open_at(temperature).log_probs(QUESTION, [text])
    assert found == pytest.approx(token_by_token(text, temperature), abs=1e-4)


def test_batches_change_nothing(open_at, monkeypatch):
    texts = ["".join(each) for each in right_solutions(QUESTION.problem)] + ["answer 1\n", "a"]
    likelihood = open_at(1.0)
    together = likelihood.log_probs(QUESTION, texts)
    monkeypatch.setattr(policy_likelihood, "_LOGITS_AT_ONCE", 1)
    assert likelihood.log_probs(QUESTION, texts) == pytest.approx(together, abs=1e-4)


def test_the_empty_solution_is_the_end_alone(open_at):
    (found,) = open_at(1.0).log_probs(QUESTION, [""])
    assert found == pytest.approx(token_by_token("", 1.0), abs=1e-4)
    assert math.exp(found) < 0.01


def test_a_text_that_does_not_fit_is_refused(open_at):
    with pytest.raises(InputError, match="tokens and the model takes"):
        open_at(1.0).log_probs(QUESTION, ["a y 1 + 8 = 9\n" * 500])
