"""A LoRA adapter: the shipped policy with one, against the same policy with the adapter merged into its weights."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from omega_fast.models.ledger_policy import ASSETS
from omega_fast.records import GenerationRequest
from tests.vllm.opened import SAMPLING, SMALL_ENGINE, open_transformers_with, open_vllm_with

pytestmark = pytest.mark.vllm

RANK, ALPHA = 4, 8
MODULES = ("q_proj", "v_proj")


@pytest.fixture(scope="module")
def adapter_and_merged(tmp_path_factory) -> tuple[Path, Path]:
    """A random adapter in peft's format, and a checkpoint with W + alpha / r * B A in place of W."""
    folder = tmp_path_factory.mktemp("lora")
    adapter, merged = folder / "adapter", folder / "merged"
    adapter.mkdir()
    merged.mkdir()
    weights = load_file(ASSETS / "model.safetensors")
    noise = torch.Generator().manual_seed(0)
    low_rank = {}
    for name, weight in list(weights.items()):
        module = name.removesuffix(".weight")
        if module.endswith(MODULES):
            down = torch.randn(RANK, weight.shape[1], generator=noise) * 0.15
            up = torch.randn(weight.shape[0], RANK, generator=noise) * 0.15
            low_rank[f"base_model.model.{module}.lora_A.weight"] = down
            low_rank[f"base_model.model.{module}.lora_B.weight"] = up
            weights[name] = weight + ALPHA / RANK * up @ down
    save_file(low_rank, adapter / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "r": RANK, "lora_alpha": ALPHA, "target_modules": list(MODULES)}
    (adapter / "adapter_config.json").write_text(json.dumps(config | {"bias": "none"}))
    for file in ASSETS.glob("*.json"):
        (merged / file.name).write_bytes(file.read_bytes())
    save_file(weights, merged / "model.safetensors", metadata={"format": "pt"})
    return adapter, merged


def test_an_adapter_writes_what_its_merged_weights_write(adapter_and_merged, ledger, drain):
    adapter, merged = adapter_and_merged
    greedy = replace(SAMPLING, temperature=0.0)
    requests = [GenerationRequest(id_, each, "", None, id_, 128) for id_, each in enumerate(ledger)]
    backend = open_vllm_with(ASSETS, greedy, adapter=adapter, engine_args=SMALL_ENGINE)
    try:
        found = drain(backend, requests)
        fingerprint = backend.fingerprint()
    finally:
        backend.close()
    plain = open_transformers_with(ASSETS, greedy)
    wanted = drain(open_transformers_with(merged, greedy), requests)
    without = drain(plain, requests)
    equal = sum(found[id_].text == wanted[id_].text for id_ in wanted)
    print(f"adapter: {equal} of {len(wanted)} greedy texts equal to the merged model's")
    # Two roundings of the same sum: a near-tie may fall the other way.
    assert equal >= 0.9 * len(wanted)
    assert sum(without[id_].text == wanted[id_].text for id_ in wanted) < 0.9 * len(wanted)
    assert {name for name, value in fingerprint.items() if value != plain.fingerprint().get(name)} == {
        "adapter"
    }
