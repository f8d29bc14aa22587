"""Models that a packed tree would mislead are refused."""

from __future__ import annotations

import pytest
import torch
from transformers import (
    BloomConfig,
    BloomForTokenClassification,
    LlamaConfig,
    LlamaForTokenClassification,
    MistralConfig,
    MistralForTokenClassification,
    Qwen2Config,
    Qwen2ForTokenClassification,
)

from omega_fast.errors import ConfigError
from omega_fast.train.packing.fitness import refuse_unpackable

SIZE = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_labels": 2,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}


class Positionless(LlamaForTokenClassification):  # type: ignore[misc]  # transformers is untyped
    def forward(self, position_ids: object = None, **inputs: object) -> object:
        del position_ids
        return super().forward(**inputs)


@pytest.mark.parametrize(
    "model",
    [
        LlamaForTokenClassification(LlamaConfig(**SIZE)),
        Qwen2ForTokenClassification(Qwen2Config(**SIZE, num_key_value_heads=2)),
        MistralForTokenClassification(MistralConfig(**SIZE, num_key_value_heads=2, sliding_window=None)),
    ],
    ids=lambda model: model.config.model_type,
)
def test_full_attention_with_rotary_positions_fits(model: torch.nn.Module) -> None:
    model.train()
    refuse_unpackable(model)
    assert model.training


def test_a_sliding_window_is_refused() -> None:
    model = MistralForTokenClassification(MistralConfig(**SIZE, num_key_value_heads=2, sliding_window=4))
    with pytest.raises(ConfigError, match="sliding window"):
        refuse_unpackable(model)


def test_layers_of_another_kind_are_refused_by_name() -> None:
    model = LlamaForTokenClassification(LlamaConfig(**SIZE))
    model.config.layer_types = ["full_attention", "linear_attention"]
    with pytest.raises(ConfigError, match="linear_attention"):
        refuse_unpackable(model)


def test_a_model_that_ignores_positions_is_found_out_by_trying() -> None:
    with pytest.raises(ConfigError, match="other outputs for a packed tree"):
        refuse_unpackable(Positionless(LlamaConfig(**SIZE)))


def test_a_model_that_cannot_take_the_mask_is_refused() -> None:
    sizes = {
        key: value for key, value in SIZE.items() if key not in ("intermediate_size", "num_attention_heads")
    }
    model = BloomForTokenClassification(BloomConfig(**sizes, n_head=4))
    with pytest.raises(ConfigError, match="does not take the mask"):
        refuse_unpackable(model)
