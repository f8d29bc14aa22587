"""Implicit process rewards against a plain computation of log-probabilities."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from omega_fast.errors import BackendError, InputError
from omega_fast.models.scorers import ScorerOptions, load_scorer
from omega_fast.models.scorers.implicit import ImplicitScorer
from tests.models.scorers.shaped import SOLUTIONS, rlhflow, shepherd


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("implicit")
    return rlhflow(folder / "policy", seed=1), rlhflow(folder / "reference", seed=2)


@torch.inference_mode()
def plain(folder, problem, steps):
    """The log-probability of the reply up to the end of each step, each from a rendering of its own."""
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    said = "\n\n".join(step.strip() for step in steps)
    turns = [{"role": "user", "content": problem}, {"role": "assistant", "content": said}]
    text = tokenizer.apply_chat_template(turns, tokenize=False)
    ids = tokenizer.encode(text, add_special_tokens=False)
    opening = tokenizer.apply_chat_template(turns[:1], tokenize=False, add_generation_prompt=True)
    lengths = [len(tokenizer.encode(opening, add_special_tokens=False))]
    for number in range(1, len(steps)):
        begun = opening + "\n\n".join(step.strip() for step in steps[:number]) + "\n\n"
        begun_ids = tokenizer.encode(begun, add_special_tokens=False)
        assert ids[: len(begun_ids)] == begun_ids, "a token crosses the boundary: choose other texts"
        lengths.append(len(begun_ids))
    lengths.append(len(ids))
    log_probs = model(torch.tensor([ids])).logits[0].double().log_softmax(-1)
    each = [float(log_probs[at - 1, ids[at]]) for at in range(lengths[0], len(ids))]
    start = lengths[0]
    return [sum(each[a - start : b - start]) for a, b in pairwise(lengths)]


def test_log_probabilities_are_those_of_a_plain_computation(models):
    policy, reference = models
    found = ImplicitScorer(str(policy), str(reference)).step_log_probs(SOLUTIONS)
    for (problem, steps), columns in zip(SOLUTIONS, found, strict=True):
        assert columns["policy"] == pytest.approx(plain(policy, problem, steps), abs=1e-3)
        assert columns["reference"] == pytest.approx(plain(reference, problem, steps), abs=1e-3)


def test_a_score_is_the_sigmoid_of_the_accumulated_ratio(models):
    policy, reference = models
    problem, steps = SOLUTIONS[0]
    ratios = torch.tensor(plain(policy, problem, steps)) - torch.tensor(plain(reference, problem, steps))
    options = ScorerOptions(reference=str(reference))
    scores = load_scorer(str(policy), "implicit", options).score_many([(problem, steps)])[0]
    assert scores == pytest.approx((0.001 * ratios.cumsum(0)).sigmoid().tolist(), abs=1e-5)


def test_a_policy_that_is_its_own_reference_has_no_opinion(models):
    policy, _ = models
    assert ImplicitScorer(str(policy), str(policy)).score_many(SOLUTIONS[:1])[0] == [0.5] * 3


def test_without_a_reference_the_policy_speaks_alone(models):
    policy, _ = models
    (columns,) = ImplicitScorer(str(policy), None).step_log_probs(SOLUTIONS[:1])
    assert list(columns) == ["policy"]


def test_models_with_other_words_are_refused(models, tmp_path):
    other = shepherd(tmp_path / "other")
    tokenizer = AutoTokenizer.from_pretrained(other)
    tokenizer.add_tokens(["another"])
    tokenizer.save_pretrained(other)
    with pytest.raises(BackendError, match="different tokenizers"):
        ImplicitScorer(str(models[0]), str(other))


def test_what_is_too_long_is_refused(models):
    scorer = ImplicitScorer(str(models[0]), None, ScorerOptions(max_length=10))
    with pytest.raises(InputError, match="there may be 10"):
        scorer.score_many(SOLUTIONS)
