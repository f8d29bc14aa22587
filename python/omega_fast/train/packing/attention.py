"""What each token of packed trees may attend to: itself and what stands above it on its path."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from omega_fast.train.packing.layout import Layout

__all__ = ["MASKED", "block_mask", "dense_mask", "subtree_ends", "tree_mask", "tree_mask_mod"]

MASKED = ("eager", "sdpa", "flex_attention")
"""Implementations of attention that take any mask."""


def subtree_ends(layouts: Sequence[Layout], tokens: int = 0) -> Tensor:
    """The ends of subtrees, (packs, tokens), where padding is a tree of its own at each position.

    There are as many tokens as the longest layout has, or as asked for if that is more.
    """
    longest = max(tokens, *map(len, layouts))
    ends = torch.arange(1, longest + 1).repeat(len(layouts), 1)
    for row, layout in enumerate(layouts):
        ends[row, : len(layout)] = torch.tensor(layout.ends)
    return ends


def dense_mask(ends: Tensor, dtype: torch.dtype) -> Tensor:
    """The mask to add to attention scores, (packs, 1, tokens, tokens): 0 where q may see k, else the lowest number.

    Args:
        ends: One past each token's subtree, (packs, tokens).
        dtype: The scores' type.
    """
    at = torch.arange(ends.shape[1], device=ends.device)
    seen = (at <= at[:, None]) & (at[:, None] < ends[:, None, :])
    mask = torch.zeros(seen.shape, dtype=dtype, device=ends.device)
    return mask.masked_fill_(~seen, torch.finfo(dtype).min).unsqueeze(1)


def tree_mask_mod(ends: Tensor) -> Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]:
    """The same as a function (pack, head, q, k) -> bool, as FlexAttention takes it."""

    def may_see(pack: Tensor, head: Tensor, q: Tensor, k: Tensor) -> Tensor:
        del head
        return (k <= q) & (q < ends[pack, k])

    return may_see


def block_mask(ends: Tensor) -> Any:
    """The same for FlexAttention, which skips blocks that nothing attends to; memory grows with blocks alone."""
    from torch.nn.attention.flex_attention import create_block_mask  # noqa: PLC0415 - brings a compiler

    packs, tokens = ends.shape
    return create_block_mask(tree_mask_mod(ends), packs, None, tokens, tokens, device=ends.device)


def tree_mask(ends: Tensor, attention: str, dtype: torch.dtype) -> Any:
    """The same as an implementation of attention takes it; one of `MASKED`."""
    return block_mask(ends) if attention == "flex_attention" else dense_mask(ends, dtype)
