from types import SimpleNamespace

import pytest
import torch
from tiny_checkpoints import ARCHITECTURES, request, sample_slowly
from transformers import AutoModelForCausalLM, BloomConfig, BloomForCausalLM

from omega_fast.backends.decode_masks import decode_mask
from omega_fast.backends.self_check import check_decoding
from omega_fast.errors import BackendError
from omega_fast.records import Sampling

PROBLEMS = ["x is 9 . ?", "x is 9 . y is 1 . a y add 8 .\n\nb x take 2 . ?", "?", "x is 9 . y is 1 . ?"]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize(
    "sampling", [Sampling(temperature=0), Sampling(temperature=1.0, top_k=30, top_p=0.9)]
)
def test_a_running_batch_generates_what_plain_forwards_do(
    architecture, sampling, checkpoints, open_tiny, drain
):
    backend = open_tiny(architecture, sampling, slots=3)
    requests = [
        request(id_, PROBLEMS[id_ % 4], seed=1000 + id_, max_new_tokens=5 + 4 * (id_ % 3)) for id_ in range(8)
    ]
    generations = drain(backend, requests)
    for asked in requests:
        ids = tuple(backend.prompt(asked.question).token_ids)
        expected = sample_slowly(checkpoints[architecture], ids, asked.seed, asked.max_new_tokens, sampling)
        assert generations[asked.id].token_ids == expected


def test_eager_attention_generates_what_sdpa_does(open_tiny, drain):
    requests = [request(id_, PROBLEMS[id_ % 4]) for id_ in range(6)]
    assert drain(open_tiny(attention="eager"), requests) == drain(open_tiny(), requests)


def test_bfloat16_passes_the_self_check_and_generates(open_tiny, drain):
    backend = open_tiny(dtype="bfloat16")
    assert backend.fingerprint()["dtype"] == "bfloat16"
    assert len(drain(backend, [request(id_) for id_ in range(6)])) == 6


def test_sliding_windows_are_refused_where_the_attention_cannot_take_their_mask(open_tiny):
    with pytest.raises(BackendError, match="sliding-window attention needs the sdpa"):
        open_tiny("mistral", attention="eager")


def test_sliding_windows_that_no_sequence_can_outgrow_are_full_attention(open_tiny, drain):
    backend = open_tiny("mistral", attention="eager", max_context=8)
    assert len(drain(backend, [request(0, "?")])) == 1


def test_a_model_with_linear_attention_is_refused_by_the_name_of_its_layers():
    config = SimpleNamespace(layer_types=["linear_attention", "full_attention"], sliding_window=None)
    with pytest.raises(BackendError, match="has linear_attention layers"):
        decode_mask(config, context=64)


def test_a_model_that_takes_no_positions_is_refused():
    model = BloomForCausalLM(BloomConfig(vocab_size=320, hidden_size=16, n_layer=1, n_head=2))
    with pytest.raises(BackendError, match="its forward takes no position_ids"):
        check_decoding(model, decode_mask(model.config, context=64), context=64)


def test_a_model_whose_batched_logits_differ_is_refused(checkpoints):
    model = AutoModelForCausalLM.from_pretrained(checkpoints["llama"], attn_implementation="sdpa").eval()

    def sees_only_itself(positions, span):
        return torch.arange(span) == positions[:, None]

    with pytest.raises(BackendError, match="differ from those of a plain forward"):
        check_decoding(model, sees_only_itself, context=64)
