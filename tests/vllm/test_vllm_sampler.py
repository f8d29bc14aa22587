"""A policy in training in vLLM: after every update its log-probabilities are the trainer's, or it is caught."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch

from omega_fast.backends.prompts import PromptTemplate
from omega_fast.backends.vllm_sampler import VllmSampler
from omega_fast.models.ledger_policy import ASSETS
from omega_fast.models.prm_checkpoint import load_causal
from omega_fast.records import FinishReason
from omega_fast.tasks.ledger import right_solutions
from omega_fast.train.gflownet.config import gflownet_config
from omega_fast.train.gflownet.freshness import StaleSamplerError, check_fresh
from omega_fast.train.gflownet.network import PolicyModule
from omega_fast.train.gflownet.run import Parts, run_gflownet
from tests.vllm.opened import LEDGER_PROMPT, SAMPLING, SLOTS, SMALL_ENGINE

pytestmark = pytest.mark.vllm

TOLERANCE = 0.001
CONFIG = gflownet_config(lora_rank=4, device="cpu")


def start(adapter: Path):
    options = {"model": str(ASSETS), "adapter": adapter, "prompt": LEDGER_PROMPT, "dtype": "float32"}
    options |= {"slots": SLOTS, "threads": 1, "engine_args": SMALL_ENGINE}
    with warnings.catch_warnings(action="ignore"):  # importing vLLM brings those of its own libraries
        from omega_fast.backends.vllm import open_vllm_with_engine

        return open_vllm_with_engine(options, SAMPLING)


def moved(module: PolicyModule, seed: int) -> None:
    """An update: every adapter changes."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, each in module.named_parameters():
            if "lora_B" in name:
                each.add_(0.2 * torch.randn_like(each))


@pytest.fixture(scope="module")
def fixed(ledger):
    """A question, and the tokens of prompt and right solution."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(ASSETS)
    prompt = tokenizer(f"{ledger[0].problem}\n")["input_ids"]
    text = "".join(next(iter(right_solutions(ledger[0].problem))))
    return ledger[0], prompt, tokenizer(text, add_special_tokens=False)["input_ids"][:32]


def test_new_weights_are_what_the_engine_samples_with_and_old_ones_are_caught(tmp_path, fixed, ledger):
    question, prompt, ids = fixed
    module = PolicyModule(load_causal(str(ASSETS)), CONFIG, [2], packed=False)
    sampler = VllmSampler(start, SAMPLING.max_new_tokens)
    told: list[list[float]] = []
    try:
        for version in range(3):
            if version:
                moved(module, version)
            weights = tmp_path / f"version-{version}"
            module.network.save_pretrained(weights)
            sampler.load(version, weights)
            told.append(module.log_probs(prompt, ids))
            # The text fills the prefix cache with this version's keys and values before it is asked for again
            worst = [check_fresh(sampler, question, ids, told[-1], TOLERANCE) for _ in range(2)]
            print(f"version {version}: off by at most {max(worst):.1e}")
            drawn = sampler.sample(ledger[:2], 2, [[1, 2], [3, 4]])
            assert all(each.finish is not FinishReason.ERROR for group in drawn for each in group)
        apart = max(abs(a - b) for a, b in zip(told[1], told[2], strict=True))
        print(f"an update changes a log-probability by up to {apart:.2f}")
        assert apart > 10 * TOLERANCE
        # Weights that change in the trainer alone
        moved(module, 3)
        with pytest.raises(StaleSamplerError, match="does not sample with version 2"):
            check_fresh(sampler, question, ids, module.log_probs(prompt, ids), TOLERANCE)
        # And a name that comes again brings back what was computed under it
        _, engine = sampler._running()
        module.network.save_pretrained(tmp_path / "version-3")
        name, number = "version-2-3", 3
        engine.use_adapter(name, number, tmp_path / "version-3")
        with pytest.raises(StaleSamplerError):
            check_fresh(sampler, question, ids, module.log_probs(prompt, ids), TOLERANCE)
        sampler.load(3, tmp_path / "version-3")
        check_fresh(sampler, question, ids, module.log_probs(prompt, ids), TOLERANCE)
    finally:
        sampler.close()


def test_a_training_with_vllm_checks_its_engine_after_every_update(tmp_path, ledger):
    from omega_fast._core import step_cuts
    from omega_fast.config import resolve
    from omega_fast.verifiers.answer import AnswerVerifier

    core = resolve(preset="ledger", env={}, overrides={"question_file": "ledger"}).core_config()
    config = gflownet_config(
        lora_rank=4,
        updates=2,
        prompts=2,
        samples=4,
        max_new_tokens=96,
        judge="outcome",
        device="cpu",
        threads=1,
    )
    loads: list[int] = []

    class Counting(VllmSampler):
        def load(self, version, weights=None):
            loads.append(version)
            super().load(version, weights)

    with AnswerVerifier() as verifier:
        parts = Parts(
            questions=ledger[:4],
            template=PromptTemplate(**LEDGER_PROMPT),
            cut=lambda text, ends: step_cuts(core, text, list(ends)),
            verifier=verifier,
            sampler=lambda *_: Counting(start, 96),
        )
        done = run_gflownet(parts, config, tmp_path / "out")
    assert loads == [0, 1, 2]
    assert [entry["step"] for entry in done.record["log"]] == [1, 2]
    assert done.record["log"][0]["right"] > 0.2, "it is the ledger policy that is sampled"
