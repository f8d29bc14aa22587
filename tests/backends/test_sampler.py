import pytest
import torch
from transformers import TopKLogitsWarper, TopPLogitsWarper

from omega_fast.backends.sampler import filter_logits, sample_tokens, seed_key
from omega_fast.records import Sampling

# Upper .1 % point of chi-square with 9 degrees of freedom; the seeds are fixed, so the tests are too.
CHI_SQUARE_9 = 27.88


def draw(logits: torch.Tensor, sampling: Sampling, n: int, *, by_step: bool = False) -> torch.Tensor:
    counter = torch.arange(n)
    fixed = torch.full((n,), 12345)
    seeds, steps = (fixed, counter) if by_step else (counter, torch.zeros_like(counter))
    return sample_tokens(logits.expand(n, -1), seeds, steps, sampling)


def chi_square(tokens: torch.Tensor, probabilities: torch.Tensor) -> float:
    expected = probabilities * len(tokens)
    observed = torch.bincount(tokens, minlength=len(probabilities))
    return float(((observed - expected) ** 2 / expected).sum())


@pytest.mark.parametrize("by_step", [False, True])
def test_tokens_are_drawn_with_the_models_probabilities(by_step):
    logits = torch.linspace(-1, 2, 10)
    tokens = draw(logits, Sampling(temperature=0.8, top_k=0, top_p=1.0), 40_000, by_step=by_step)
    assert chi_square(tokens, (logits.double() / 0.8).softmax(0)) < CHI_SQUARE_9


def test_filtered_tokens_are_drawn_with_renormalised_probabilities():
    logits = torch.linspace(-1, 2, 30)[torch.randperm(30, generator=torch.Generator().manual_seed(0))]
    tokens = draw(logits, Sampling(temperature=1.0, top_k=10, top_p=1.0), 40_000)
    best = logits.topk(10).indices.sort().values
    position = torch.searchsorted(best, tokens)
    assert torch.equal(best[position], tokens)
    assert chi_square(position, logits[best].double().softmax(0)) < CHI_SQUARE_9


def test_draws_at_successive_positions_of_one_seed_are_uncorrelated():
    uniform = torch.zeros(2)
    tokens = draw(uniform, Sampling(temperature=1.0, top_k=0, top_p=1.0), 40_000, by_step=True)
    pairs = tokens[:-1] * 2 + tokens[1:]
    assert chi_square(pairs, torch.full((4,), 0.25)) < CHI_SQUARE_9


@pytest.mark.parametrize(
    ("top_k", "top_p"), [(5, 1.0), (0, 0.7), (20, 0.9), (30, 0.05), (500, 0.99), (1, 1.0)]
)
def test_filters_keep_what_the_transformers_warpers_keep(top_k, top_p):
    logits = torch.randn(32, 100, generator=torch.Generator().manual_seed(1)) * 3
    scores, ids = filter_logits(logits, Sampling(temperature=0.7, top_k=top_k, top_p=top_p))
    ours = torch.full_like(logits, float("-inf")).scatter(1, ids, scores)
    theirs = logits / 0.7
    if top_k:
        theirs = TopKLogitsWarper(top_k)(None, theirs)
    if top_p < 1:
        theirs = TopPLogitsWarper(top_p)(None, theirs)
    torch.testing.assert_close(ours, theirs)


def test_temperature_zero_takes_the_most_likely_token():
    logits = torch.tensor([[0.0, 3.0, 1.0], [2.0, 1.0, 0.0]])
    zeros = torch.zeros(2, dtype=torch.int64)
    assert sample_tokens(logits, zeros, zeros, Sampling(temperature=0)).tolist() == [1, 0]


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(top_k=0, top_p=0.9), Sampling(top_k=0, top_p=1.0)])
def test_a_rows_token_does_not_depend_on_the_other_rows(sampling):
    logits = torch.randn(16, 50, generator=torch.Generator().manual_seed(2))
    seeds, steps = torch.arange(16) * 77, torch.arange(16)
    together = sample_tokens(logits, seeds, steps, sampling)
    order = torch.randperm(16, generator=torch.Generator().manual_seed(3))
    shuffled = sample_tokens(logits[order], seeds[order], steps[order], sampling)
    alone = [
        int(sample_tokens(logits[i : i + 1], seeds[i : i + 1], steps[i : i + 1], sampling)) for i in range(16)
    ]
    assert shuffled.tolist() == together[order].tolist()
    assert alone == together.tolist()


def test_seeds_of_any_size_fit_and_negative_ones_wrap():
    assert seed_key(2**64 - 1) == -1
    assert seed_key(-1) == -1
    assert seed_key(2**63) == -(2**63)
    assert seed_key(2**64 + 5) == 5
