"""The compact sampler against the model it was made from."""

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from omega_fast.models.ledger_policy.sampler import LlamaSampler  # noqa: E402

PROMPTS = [[1, 9, 8, 7], [1, 5], [1, 4, 4, 4, 4, 4, 30]]


@pytest.fixture(scope="module")
def model():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=32,
        hidden_size=24,
        intermediate_size=40,
        num_hidden_layers=2,
        num_attention_heads=3,
        num_key_value_heads=3,
        head_dim=16,
        rope_parameters={"rope_type": "default", "rope_theta": 500.0},
        tie_word_embeddings=True,
        initializer_range=0.6,
        eos_token_id=2,
    )
    return transformers.LlamaForCausalLM(config).eval()


def reference_logits(model, prompt):
    with torch.inference_mode():
        return model(input_ids=torch.tensor([prompt])).logits[0, -1]


def test_next_logits_are_the_models_own_in_a_padded_batch(model):
    batched = LlamaSampler(model).next_logits(PROMPTS)
    for row, prompt in zip(batched, PROMPTS, strict=True):
        torch.testing.assert_close(row, reference_logits(model, prompt), rtol=1e-4, atol=1e-4)


def test_greedy_continuations_are_the_models_own_up_to_the_end_of_sequence(model):
    continuations = LlamaSampler(model).sample(
        PROMPTS, temperature=0.0, max_new_tokens=12, generator=torch.Generator()
    )
    for prompt, continuation in zip(PROMPTS, continuations, strict=True):
        expected = []
        while len(expected) < 12:
            token = int(reference_logits(model, prompt + expected).argmax())
            if token == 2:
                break
            expected.append(token)
        assert continuation == expected


def test_samples_follow_the_softmax_at_the_temperature(model):
    temperature = 2.0
    generator = torch.Generator().manual_seed(0)
    drawn = LlamaSampler(model).sample(
        [PROMPTS[0]] * 4000, temperature=temperature, max_new_tokens=1, generator=generator
    )
    shares = torch.bincount(torch.tensor([ids[0] if ids else 2 for ids in drawn]), minlength=32) / 4000
    expected = (reference_logits(model, PROMPTS[0]) / temperature).softmax(-1)
    assert float((shares - expected).abs().sum()) < 0.12


def test_equal_generators_give_equal_samples(model):
    first, second, other = (
        LlamaSampler(model).sample(
            PROMPTS, temperature=1.0, max_new_tokens=8, generator=torch.Generator().manual_seed(seed)
        )
        for seed in (3, 3, 4)
    )
    assert first == second
    assert first != other
