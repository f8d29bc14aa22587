"""Long thoughts: a budget of many tokens costs what is generated, not what might be."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny_checkpoints import byte_level_tokenizer, request
from transformers import LlamaConfig, LlamaForCausalLM

from omega_fast.backends.transformers import TransformersBackend, open_transformers
from omega_fast.records import FinishReason, Generation, GenerationRequest, Sampling

CONTEXT = 40_960
BUDGET = 32_768


@pytest.fixture(scope="module")
def long_checkpoint(tmp_path_factory) -> Path:
    """A model for long texts that never ends one by itself."""
    folder = tmp_path_factory.mktemp("long")
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=320,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=CONTEXT,
        initializer_range=0.3,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=None,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer = byte_level_tokenizer()
    tokenizer.eos_token = None
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def backend(long_checkpoint):
    opened = open_transformers(
        {"model": str(long_checkpoint), "slots": 8}, Sampling(temperature=1.0, max_new_tokens=BUDGET)
    )
    yield opened
    opened.close()


def drained(backend: TransformersBackend, requests: list[GenerationRequest]) -> dict[int, Generation]:
    backend.submit(requests)
    done: list[Generation] = []
    while len(done) < len(requests):
        done += backend.poll(1.0)
    return {each.id: each for each in done}


def columns(backend: TransformersBackend) -> int:
    layer = backend._batch._cache.layers[0]
    return 0 if layer.keys is None else int(layer.keys.shape[2])


def test_a_long_budget_takes_no_memory_before_it_is_used(backend):
    assert columns(backend) == 0
    backend.submit([request(0, max_new_tokens=BUDGET)])
    assert backend.poll(0.0) == []
    assert columns(backend) <= 64
    backend.cancel([0])


def test_the_cache_grows_with_the_longest_text_and_never_to_more_than_twice_of_it(backend):
    short, long = 40, 700
    drawn = drained(backend, [request(0, max_new_tokens=short), request(1, max_new_tokens=long)])
    assert {id_: each.n_tokens for id_, each in drawn.items()} == {0: short, 1: long}
    assert {each.finish for each in drawn.values()} == {FinishReason.LENGTH}
    assert long < columns(backend) <= 2 * (long + 64)


def test_a_long_text_is_the_same_beside_others_and_alone(backend):
    alone = drained(backend, [request(1, max_new_tokens=300)])[1]
    beside = drained(backend, [request(id_, max_new_tokens=300 if id_ == 1 else 90) for id_ in range(6)])[1]
    assert beside.token_ids == alone.token_ids
