"""Every shape against a plain computation, one solution at a time, as its authors publish it."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from omega_fast.errors import InputError
from omega_fast.models.scorers import ScorerOptions, load_scorer
from omega_fast.models.scorers.qwen_prm import SYSTEM
from tests.models.scorers.shaped import SOLUTIONS, qwen, rlhflow, shepherd


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shapes")
    return {"math-shepherd": shepherd(folder / "shepherd"), "rlhflow": rlhflow(folder / "rlhflow")}


@torch.inference_mode()
def plain_shepherd(folder, problem, steps):
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    marked = "\n".join(f"Step {i}: {step.strip()} ки" for i, step in enumerate(steps, 1))
    ids = torch.tensor([tokenizer.encode(f"{problem} {marked}")])
    candidates = [tokenizer.encode("+")[-1], tokenizer.encode("-")[-1]]
    probabilities = model(ids).logits[0][:, candidates].softmax(-1)[:, 0]
    return probabilities[ids[0] == tokenizer.encode("ки")[-1]].tolist()


@torch.inference_mode()
def plain_rlhflow(folder, problem, steps):
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    candidates = [tokenizer.encode("+")[-1], tokenizer.encode("-")[-1]]
    scores, turns = [], []
    for number, step in enumerate(steps):
        turns.append({"role": "user", "content": step if number else f"{problem} {step}"})
        turns.append({"role": "assistant", "content": "+"})
        text = tokenizer.apply_chat_template(turns, tokenize=False)
        ids = tokenizer.encode(text, add_special_tokens=False)
        assert ids[-2:] == [candidates[0], tokenizer.eos_token_id]
        logits = model(torch.tensor([ids])).logits[0, -3, candidates]
        scores.append(float(logits.softmax(-1)[0]))
    return scores


@torch.inference_mode()
def plain_qwen(folder, model, head, problem, steps):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    said = "<extra_0>".join(step.strip() for step in steps) + "<extra_0>"
    turns = [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": problem},
        {"role": "assistant", "content": said},
    ]
    ids = torch.tensor([tokenizer.encode(tokenizer.apply_chat_template(turns, tokenize=False))])
    classes = head(model(ids).last_hidden_state[0]).softmax(-1)
    return classes[ids[0] == tokenizer.convert_tokens_to_ids("<extra_0>"), 1].tolist()


PLAIN = {"math-shepherd": plain_shepherd, "rlhflow": plain_rlhflow}


@pytest.mark.parametrize("shape", PLAIN)
@pytest.mark.parametrize("batch_tokens", [1, 150, 8192])
def test_a_language_model_scores_as_published(checkpoints, shape, batch_tokens):
    folder = checkpoints[shape]
    scorer = load_scorer(str(folder), shape, ScorerOptions(batch_tokens=batch_tokens))
    scores = scorer.score_many(SOLUTIONS)
    for (problem, steps), row in zip(SOLUTIONS, scores, strict=True):
        assert row == pytest.approx(PLAIN[shape](folder, problem, steps), abs=2e-5)
        assert len(row) == len(steps)
    flat = [score for row in scores for score in row]
    assert max(flat) - min(flat) > 0.05, "a random model that says the same of everything tests nothing"


@pytest.mark.parametrize("batch_tokens", [1, 8192])
def test_qwen_is_known_by_its_configuration_and_scores_as_published(tmp_path, batch_tokens):
    folder, model, head = qwen(tmp_path / "qwen")
    scores = load_scorer(str(folder), options=ScorerOptions(batch_tokens=batch_tokens)).score_many(SOLUTIONS)
    for (problem, steps), row in zip(SOLUTIONS, scores, strict=True):
        assert row == pytest.approx(plain_qwen(folder, model, head, problem, steps), abs=2e-5)
    flat = [score for row in scores for score in row]
    assert max(flat) - min(flat) > 0.01


@pytest.mark.parametrize("shape", PLAIN)
def test_what_stands_later_changes_no_score(checkpoints, shape):
    scorer = load_scorer(str(checkpoints[shape]), shape)
    problem, steps = SOLUTIONS[2]
    whole, begun = scorer.score_many([(problem, steps), (problem, steps[:3])])
    assert whole[:3] == pytest.approx(begun, abs=2e-5)


def test_a_step_may_hold_the_marker_of_math_shepherd(checkpoints):
    scorer = load_scorer(str(checkpoints["math-shepherd"]), "math-shepherd")
    scores = scorer.score_many([("x?", ["is it ки or not", "yes"])])
    assert len(scores[0]) == 2


def test_steps_that_are_numbered_already_get_no_second_number(checkpoints):
    scorer = load_scorer(str(checkpoints["math-shepherd"]), "math-shepherd")
    plain, numbered = scorer.score_many([("x?", ["a", "b"]), ("x?", ["Step 1: a", "Step 2: b"])])
    assert plain == pytest.approx(numbered, abs=2e-5)


def test_a_step_that_holds_the_marker_of_qwen_is_refused(tmp_path):
    folder, _, _ = qwen(tmp_path / "qwen")
    with pytest.raises(InputError, match="hold the marker <extra_0>"):
        load_scorer(str(folder)).score_many([("x?", ["a <extra_0> b"])])


@pytest.mark.parametrize("shape", PLAIN)
def test_what_is_too_long_is_refused_and_not_cut(checkpoints, shape):
    scorer = load_scorer(str(checkpoints[shape]), shape, ScorerOptions(max_length=20))
    with pytest.raises(InputError, match=r"have \d+ tokens, and there may be 20"):
        scorer.score_many([("x is 9 . " * 10, ["a y 1 + 8 = 9"])])
