"""A compact batched sampler for small Llama models on a CPU: one static cache, finished rows dropped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import LlamaForCausalLM

__all__ = ["LlamaSampler"]

_CROWDED = 0.75
"""Finished rows are dropped when the share of unfinished ones falls below this; dropping copies the cache."""


class LlamaSampler:
    """Continues token sequences with a Llama's weights, at the speed of plain matrix products.

    It covers what small policies use: tied embeddings, no bias, as many key and value heads as query heads,
    plain rotary positions.

    Args:
        model: The model; its weights are copied.
    """

    def __init__(self, model: LlamaForCausalLM) -> None:
        config: Any = model.config
        weights = {name: weight.detach().float() for name, weight in model.state_dict().items()}
        self._heads = config.num_attention_heads
        self._head_size = config.head_dim
        self._epsilon = config.rms_norm_eps
        self._end = config.eos_token_id
        self._embedding = weights["model.embed_tokens.weight"]
        self._norm = weights["model.norm.weight"]
        self._layers = [_layer(weights, f"model.layers.{i}.") for i in range(config.num_hidden_layers)]
        theta = config.rope_parameters["rope_theta"]
        self._frequencies = theta ** (-torch.arange(0, self._head_size, 2) / self._head_size)

    @torch.inference_mode()
    def next_logits(self, prompts: Sequence[Sequence[int]]) -> Tensor:
        """The logits of the token after each prompt, `[prompts, vocabulary]`."""
        return self._prefill(prompts, room=0)[0]

    @torch.inference_mode()
    def sample(
        self,
        prompts: Sequence[Sequence[int]],
        *,
        temperature: float,
        max_new_tokens: int,
        generator: torch.Generator,
    ) -> list[list[int]]:
        """One continuation of each prompt, without the end-of-sequence token; temperature 0 is greedy."""
        logits, cache, padding, positions = self._prefill(prompts, room=max_new_tokens)
        first = cache.shape[-2] - max_new_tokens
        rows = torch.arange(len(prompts))
        live = torch.ones(len(prompts), dtype=torch.bool)
        continuations: list[list[int]] = [[] for _ in prompts]
        for column in range(first, first + max_new_tokens):
            tokens = _drawn(logits, temperature, generator)
            live &= tokens.ne(self._end)
            for row, token in zip(rows[live].tolist(), tokens[live].tolist(), strict=True):
                continuations[row].append(token)
            if column + 1 == first + max_new_tokens or not live.any():
                break
            if live.float().mean() < _CROWDED:
                rows, tokens, positions, padding = rows[live], tokens[live], positions[live], padding[live]
                cache, live = cache[:, :, live], live[live]
            logits = self._forward(tokens[:, None], positions, padding[..., : column + 1], cache, column)
            positions = positions + 1
        return continuations

    def _prefill(
        self, prompts: Sequence[Sequence[int]], *, room: int
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Logits `[n, vocabulary]`, cache, padding mask to add `[n, 1, 1, length + room]`, next positions."""
        length = max(map(len, prompts))
        offsets = torch.tensor([length - len(prompt) for prompt in prompts])[:, None]
        ids = torch.tensor([[0] * (length - len(prompt)) + list(prompt) for prompt in prompts])
        columns = torch.arange(length + room)
        padding = (columns < offsets)[:, None, None] * -1e9
        causal = torch.full((length, length), -1e9).triu(1)
        shape = (len(prompts), self._heads, length + room, self._head_size)
        cache = torch.empty(len(self._layers), 2, *shape)
        positions = (columns[:length] - offsets).clamp(min=0)
        logits = self._forward(ids, positions, causal + padding[..., :length], cache, 0)
        return logits, cache, padding, positions[:, -1:] + 1

    def _forward(self, ids: Tensor, positions: Tensor, mask: Tensor, cache: Tensor, start: int) -> Tensor:
        """Feed `ids` `[n, t]` to the cache from column `start`; the last one's logits, `[n, vocabulary]`."""
        rows, length = ids.shape
        angles = (positions[..., None] * self._frequencies).repeat(1, 1, 2)[:, None]
        cos, sin = angles.cos(), angles.sin()
        x = self._embedding[ids]
        for (norm, qkv, out, mlp_norm, gate_up, down), (keys, values) in zip(
            self._layers, cache, strict=True
        ):
            heads = (self._normed(x, norm) @ qkv).view(rows, length, 3, self._heads, self._head_size)
            query, key, value = heads.permute(2, 0, 3, 1, 4)
            keys[:, :, start : start + length] = _rotated(key, cos, sin)
            values[:, :, start : start + length] = value
            attended = functional.scaled_dot_product_attention(
                _rotated(query, cos, sin),
                keys[:, :, : start + length],
                values[:, :, : start + length],
                attn_mask=mask,
            )
            x = x + attended.transpose(1, 2).reshape(rows, length, -1) @ out
            gate, up = (self._normed(x, mlp_norm) @ gate_up).chunk(2, -1)
            x = x + (functional.silu(gate) * up) @ down
        logits: Tensor = self._normed(x[:, -1], self._norm) @ self._embedding.T
        return logits

    def _normed(self, x: Tensor, weight: Tensor) -> Tensor:
        return functional.rms_norm(x, weight.shape, weight, self._epsilon)


def _drawn(logits: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
    """One token for each row of `logits` `[n, vocabulary]`."""
    if temperature == 0:
        return logits.argmax(-1)
    return torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator)[:, 0]


def _layer(weights: dict[str, Tensor], prefix: str) -> tuple[Tensor, ...]:
    """One layer's norms and matrices, transposed for `x @ matrix`, joined where they share their input."""
    attention, mlp = f"{prefix}self_attn.", f"{prefix}mlp."
    return (
        weights[f"{prefix}input_layernorm.weight"],
        torch.cat([weights[f"{attention}{name}_proj.weight"] for name in "qkv"]).T.contiguous(),
        weights[f"{attention}o_proj.weight"].T.contiguous(),
        weights[f"{prefix}post_attention_layernorm.weight"],
        torch.cat([weights[f"{mlp}{name}_proj.weight"] for name in ("gate", "up")]).T.contiguous(),
        weights[f"{mlp}down_proj.weight"].T.contiguous(),
    )


def _rotated(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary position embedding of `x` `[n, heads, t, head_size]`, in halves (RoFormer, arXiv 2104.09864)."""
    left, right = x.chunk(2, -1)
    return x * cos + torch.cat([-right, left], -1) * sin
