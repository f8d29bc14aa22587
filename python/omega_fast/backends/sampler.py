"""Seeded sampling that no other request in the batch can change.

A token is drawn by the Gumbel-max trick: argmax over candidates v of  logit_v / temperature + g(seed, t, v),
with g standard Gumbel noise from a counter hash of the request's seed, the position t and the token id v.
There is no generator state to share, and the noise belongs to the token rather than to its rank. An inverse
CDF needs one uniform instead of one per candidate, but float noise from another batch shape, which swaps
near-equal neighbours in a sorted order, would move whole intervals of it; here it can only decide a near-tie.
The noise is made for the candidates that survive the filters alone, so a large vocabulary costs no more than
its `topk`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from omega_fast.records import Sampling

__all__ = ["filter_logits", "sample_tokens", "seed_key"]

_GOLDEN = 0x9E3779B97F4A7C15
_MIX_1 = 0xBF58476D1CE4E5B9
_MIX_2 = 0x94D049BB133111EB


def _signed(value: int) -> int:
    """The int64 with the same 64 bits."""
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >> 63 else value


def seed_key(seed: int) -> int:
    """A request's seed as the int64 that `sample_tokens` takes; seeds are taken modulo 2^64."""
    return _signed(seed)


def sample_tokens(logits: Tensor, seeds: Tensor, steps: Tensor, sampling: Sampling) -> Tensor:
    """One token id per row, a function of that row alone.

    Args:
        logits: [rows, vocabulary], any float type.
        seeds: int64 [rows], from `seed_key`.
        steps: int64 [rows], how many tokens the row's request has generated so far.
        sampling: Temperature and filters; temperature 0 takes the most likely token.

    Returns:
        int64 [rows].
    """
    if sampling.temperature == 0:
        return logits.argmax(dim=-1)
    scores, token_ids = filter_logits(logits, sampling)
    keys = _mix(_mix(seeds) + (steps + 1) * _signed(_GOLDEN))
    noise = _gumbel(_mix(keys[:, None] + (token_ids + 1) * _signed(_GOLDEN)))
    best = (scores.double() + noise).argmax(dim=-1, keepdim=True)
    return token_ids.gather(1, best).squeeze(1)


def filter_logits(logits: Tensor, sampling: Sampling) -> tuple[Tensor, Tensor]:
    """The candidates that temperature, top-k and top-p leave, in that order, as in transformers.

    Top-k keeps exactly k tokens, also where the k-th is tied.

    Returns:
        Scores, float32 [rows, candidates], -inf where a row has fewer; and their token ids, int64, same
        shape.
    """
    vocabulary = logits.shape[-1]
    scores = logits.float() / sampling.temperature
    n_kept = min(sampling.top_k, vocabulary) if sampling.top_k > 0 else vocabulary
    if n_kept == vocabulary and sampling.top_p >= 1:
        return scores, torch.arange(vocabulary, device=logits.device).expand_as(scores)
    scores, token_ids = scores.topk(n_kept, dim=-1)
    if sampling.top_p >= 1:
        return scores, token_ids
    probabilities = scores.softmax(dim=-1)
    # A token stays if the tokens more likely than it have less than top_p between them.
    kept = probabilities.cumsum(dim=-1) - probabilities < sampling.top_p
    kept[:, 0] = True
    n_candidates = int(kept.sum(dim=-1).max())
    scores = scores.masked_fill(~kept, float("-inf"))
    return scores[:, :n_candidates], token_ids[:, :n_candidates]


def _mix(x: Tensor) -> Tensor:
    """SplitMix64 (Steele, Lea and Flood 2014): a bijection of int64 whose output bits look independent."""
    x = x + _signed(_GOLDEN)
    x = (x ^ _shift_right(x, 30)) * _signed(_MIX_1)
    x = (x ^ _shift_right(x, 27)) * _signed(_MIX_2)
    return x ^ _shift_right(x, 31)


def _shift_right(x: Tensor, bits: int) -> Tensor:
    """Logical shift; torch's own keeps the sign."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def _gumbel(bits: Tensor) -> Tensor:
    """Standard Gumbel noise, float64, -log(-log u), from 64 random bits each: u in (0, 1) is the upper 53."""
    uniform = (_shift_right(bits, 11).double() + 0.5) * 2.0**-53
    return -torch.log(-torch.log(uniform))
