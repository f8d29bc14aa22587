"""A Llama of random weights with the embedded policy's tokenizer, big enough to cost what a small model costs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from omega_fast.models.ledger_policy import ASSETS

__all__ = ["save_random_llama"]


def save_random_llama(folder: Path) -> int:
    """Write it as safetensors; returns how many parameters it has."""
    shutil.copytree(ASSETS, folder, dirs_exist_ok=True)
    (folder / "model.safetensors").unlink()
    small = json.loads((ASSETS / "config.json").read_bytes())
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=small["vocab_size"],
        hidden_size=512,
        intermediate_size=1408,
        num_hidden_layers=10,
        num_attention_heads=8,
        num_key_value_heads=8,
        max_position_embeddings=512,
        bos_token_id=small.get("bos_token_id"),
        eos_token_id=small.get("eos_token_id"),
    )
    model = LlamaForCausalLM(config)
    model.save_pretrained(folder)
    return sum(parameter.numel() for parameter in model.parameters())
