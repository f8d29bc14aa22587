"""Whole fine-tunings of a tiny model: what they write, what they refuse, what they say."""

import json
import logging
import math
from copy import deepcopy
from xml.etree import ElementTree

import pytest
import torch
from safetensors.torch import load_file

from omega_fast.backends.prompts import PromptTemplate
from omega_fast.backends.shared_sampler import SharedSampler
from omega_fast.errors import BackendError, ConfigError, InputError, RunConflictError
from omega_fast.models.prm_checkpoint import load_causal
from omega_fast.records import Question
from omega_fast.store.formats.outcomes import Outcome
from omega_fast.train.gflownet.freshness import StaleSamplerError
from tests.train.gflownet.finetunings import QUESTIONS, Scorer, column, finetuned, short_is_good


@pytest.mark.parametrize(
    "settings",
    [
        {"objective": "vargrad"},
        {"objective": "tb"},
        {"objective": "db"},
        {"objective": "subtb", "level": "token"},
        {"objective": "subtb", "flows": "learnt"},
        {"objective": "db", "flows": "forward_looking"},
        {"objective": "reinforce", "kl": 0.1},
        {"objective": "grpo", "kl": 0.1},
        {"objective": "sft"},
        {"lora_rank": 0},
        {"reward": "product"},
        {"sample_ahead": 2, "max_age": 1},
        {"replay": 2, "replay_similarity": 0.9},
        {"temperature": 0.7, "tempering": 0.5},
        {"bf16": True},
        {"gradient_checkpointing": True, "pack": "off"},
        {"prompts": 9, "micro_batch": 1},
    ],
    ids=str,
)
def test_every_objective_and_way_changes_the_policy_and_leaves_a_checkpoint(tiny, tmp_path, settings):
    done = finetuned(tiny, tmp_path / "out", **settings)
    assert column(done, "step") == [1, 2, 3]
    assert all(math.isfinite(loss) for loss in column(done, "loss"))
    before, after = load_causal(tiny), load_causal(str(done.folder))
    moved = [
        float((a - b).detach().abs().max())
        for a, b in zip(before.parameters(), after.parameters(), strict=True)
    ]
    assert max(moved) > 1e-4
    assert (done.folder / "adapter" / "adapter_config.json").is_file() == (settings.get("lora_rank") != 0)
    assert not (done.folder / "checkpoints").exists()


def test_log_record_and_plots_are_in_the_folder(tiny, tmp_path):
    told = []
    done = finetuned(tiny, tmp_path / "out", on_log=told.append)
    lines = [json.loads(line) for line in (done.folder / "log.jsonl").read_text().splitlines()]
    assert lines == done.record["log"] == told
    assert {"loss", "r", "log_z", "entropy", "distinct", "distinct_right", "faults"} <= lines[0].keys()
    for name in ("reward", "loss", "log_z", "entropy", "diversity"):
        assert ElementTree.parse(done.folder / f"{name}.svg") is not None
    record = json.loads((done.folder / "training.json").read_text())
    assert record["finished"]
    assert record["judge"] == "prm"


def test_the_same_call_gives_what_is_there_and_other_settings_are_refused(tiny, tmp_path):
    done = finetuned(tiny, tmp_path / "out")
    asked = Scorer(short_is_good)
    again = finetuned(tiny, tmp_path / "out", prm=asked)
    assert again.record["log"] == done.record["log"]
    assert not asked.asked
    with pytest.raises(RunConflictError, match=r"beta was 0\.25, is 2\.0"):
        finetuned(tiny, tmp_path / "out", beta=2.0)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes").write_text("mine")
    with pytest.raises(RunConflictError, match="holds no training"):
        finetuned(tiny, tmp_path / "other")


@pytest.mark.parametrize("objective", ["vargrad", "reinforce"])
def test_the_reward_rises(tiny, objective):
    def even(problem, steps):
        return [float(ord(step[0]) % 2 == 0) for step in steps]

    settings = {"updates": 40, "samples": 8, "beta": 0.2, "max_new_tokens": 3, "aggregation": "min"}
    worth = column(finetuned(tiny, score=even, objective=objective, **settings), "r")
    assert sum(worth[-10:]) / 10 > sum(worth[:10]) / 10 + 0.1


def test_the_frozen_copy_and_the_adapter_switched_off_are_the_same_reference(tiny):
    """Log R of the first update, drawn by the untrained policy, rests on the reference alone."""
    of_copy, of_adapter = (finetuned(tiny, updates=2, lora_rank=rank) for rank in (0, 4))
    for name in ("log_z", "loss", "r", "entropy"):
        assert column(of_copy, name)[0] == pytest.approx(column(of_adapter, name)[0], rel=1e-4)


class OfOldWeights(SharedSampler):
    """Samples with what the weights were when it began, whatever it is told to load."""

    def __init__(self, module, tokenizer, sampling):
        super().__init__(deepcopy(module.plain), tokenizer, PromptTemplate(), sampling)


def test_an_engine_that_keeps_old_weights_is_caught(tiny, tmp_path):
    with pytest.raises(StaleSamplerError, match="does not sample with version 1 of the weights"):
        finetuned(tiny, tmp_path / "out", make_sampler=OfOldWeights)
    finetuned(tiny, tmp_path / "fresh")


def test_an_engine_whose_log_probabilities_are_no_numbers_is_caught(tiny):
    class Broken(SharedSampler):
        def log_probs(self, prompt, token_ids):
            return [math.nan] * len(token_ids)

    def make(module, tokenizer, sampling):
        return Broken(module.plain, tokenizer, PromptTemplate(), sampling)

    with pytest.raises(StaleSamplerError):
        finetuned(tiny, make_sampler=make)


def test_scores_that_are_no_numbers_are_left_out_counted_and_said(tiny, caplog):
    seen = []

    def now_and_then(problem, steps):
        seen.append(problem)
        return [math.nan] * len(steps) if len(seen) % 3 == 0 else short_is_good(problem, steps)

    with caplog.at_level(logging.WARNING):
        done = finetuned(tiny, score=now_and_then)
    assert done.record["faults"]["not_finite"] >= 3
    assert any("not learnt from" in warning for warning in done.record["warnings"])
    assert "not learnt from" in caplog.text
    assert all(math.isfinite(loss) for loss in column(done, "loss"))


@pytest.mark.parametrize("number", [math.nan, math.inf, -0.1, 1.5])
def test_a_reward_model_that_never_gives_a_score_ends_the_training(tiny, number):
    with pytest.raises(BackendError, match="no solution of three updates in a row could be scored"):
        finetuned(tiny, score=lambda _, steps: [number] * len(steps), updates=5)


def test_what_cannot_be_scored_leaves_the_weights_alone(tiny, tmp_path):
    score = lambda _, steps: [math.nan] * len(steps)  # noqa: E731
    done = finetuned(tiny, tmp_path / "out", score=score, updates=2)
    assert done.record["faults"]["unusable_updates"] == 2
    adapter = load_file(done.folder / "adapter" / "adapter_model.safetensors")
    assert all(not each.any() for name, each in adapter.items() if "lora_B" in name)


@pytest.mark.parametrize("reward", ["posterior", "product"])
@pytest.mark.parametrize("score", [0.0, 1.0])
def test_a_reward_model_that_always_says_0_or_1_is_learnt_from_and_told(tiny, score, reward):
    done = finetuned(tiny, score=lambda _, steps: [score] * len(steps), reward=reward)
    assert all(math.isfinite(loss) for loss in column(done, "loss"))
    assert done.record["faults"]["flat"] >= 1
    assert ("floored" in done.record["faults"]) == (score == 0.0 and reward == "product")
    if reward == "posterior":
        assert column(done, "loss")[0] == pytest.approx(0, abs=1e-6), "the reference is the target"


def test_a_reward_model_that_fails_is_named(tiny):
    def fails(problem, steps):
        raise RuntimeError("no weights")

    with pytest.raises(BackendError, match="the reward model failed: RuntimeError: no weights"):
        finetuned(tiny, score=fails)


@pytest.mark.parametrize("objective", ["vargrad", "grpo", "sft"])
def test_a_question_without_a_right_solution_is_counted_and_does_no_harm(tiny, objective):
    done = finetuned(tiny, score=None, judge="outcome", require_answer=True, objective=objective)
    assert done.record["faults"]["no_right"] == 3 * 2
    assert column(done, "right") == [0.0] * 3
    assert all(math.isfinite(loss) for loss in column(done, "loss"))


def test_solutions_of_all_prompts_becoming_the_same_is_said_or_ends_the_training(tiny, tmp_path, caplog):
    """At this temperature a random model writes one solution of each question."""
    settings = {"temperature": 0.01, "collapse_patience": 2, "collapse": 0.5, "updates": 4}
    with caplog.at_level(logging.WARNING):
        warned = finetuned(tiny, **settings)
    assert warned.record["faults"]["collapsed"] == 3
    assert "few different solutions" in caplog.text
    assert len(warned.record["log"]) == 4
    stopped = finetuned(tiny, tmp_path / "out", on_collapse="stop", **settings)
    assert "diversity has collapsed" in stopped.record["stopped"]
    assert len(stopped.record["log"]) == 2
    assert (stopped.folder / "model.safetensors").is_file()


def test_solutions_of_a_run_are_replayed_and_others_left_out(tiny):
    given = [Outcome(QUESTIONS[0].problem, "so 1\n1", label=True), Outcome("another", "1", label=True)]
    done = finetuned(tiny, from_run=given, replay=1)
    assert done.record["given"] == 1
    with pytest.raises(ConfigError, match="learnt from by replay"):
        finetuned(tiny, from_run=given)
    with pytest.raises(InputError, match="none of 1 given solutions"):
        finetuned(tiny, from_run=given[1:], replay=1)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"score": None, "judge": "prm"}, "needs a process reward model"),
        ({"score": None, "questions": [Question("q", "x", None)]}, "no question has one"),
        ({"questions": []}, "there are no questions"),
        ({"objective": "grpo", "replay": 1}, "wrong on solutions of earlier weights"),
        ({"sample_ahead": 3}, "set max_age"),
        ({"flows": "learnt"}, "flows are for db and subtb"),
        ({"report_to": "guess"}, "guess"),
        ({"report_to": "wandb"}, "wandb is not installed"),
        ({"samples": 1}, "compares solutions of one question"),
        ({"aggregation": "sum_logits"}, "sum_logits"),
        ({"sampler": "vllm", "lora_rank": 0}, "LoRA adapter"),
    ],
    ids=str,
)
def test_settings_that_cannot_work_are_refused_with_what_to_do(tiny, settings, told):
    with pytest.raises((ConfigError, InputError), match=told) as caught:
        finetuned(tiny, **settings)
    assert caught.value.hint


torch.set_num_threads(1)
