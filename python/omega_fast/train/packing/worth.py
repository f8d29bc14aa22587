"""How much arithmetic packing saves, by count."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from omega_fast.train.packing.layout import Layout

__all__ = ["Work", "multiplications", "work_in_packs", "work_in_rows"]

Work = tuple[int, int]
"""Tokens, and pairs of tokens that attention computes."""


def work_in_rows(lengths: Iterable[int], *, blocks: bool) -> Work:
    """The work of a row a path; a dense mask computes every pair of a row, blocks those that attend."""
    lengths = list(lengths)
    return sum(lengths), sum(each * (each + 1) // 2 if blocks else each * each for each in lengths)


def work_in_packs(layouts: Iterable[Layout], *, blocks: bool) -> Work:
    """The work of packs, counted alike."""
    tokens = pairs = 0
    for each in layouts:
        tokens += len(each)
        pairs += sum(end - at for at, end in enumerate(each.ends)) if blocks else len(each) * len(each)
    return tokens, pairs


def multiplications(network: Any, work: Work) -> int:
    """Of a forward: every weight outside the embeddings once a token, twice the hidden size a pair and layer."""
    config = getattr(network.config, "text_config", None) or network.config
    weights = (
        sum(each.numel() for each in network.parameters()) - network.get_input_embeddings().weight.numel()
    )
    tokens, pairs = work
    return int(tokens * weights + pairs * 2 * config.hidden_size * config.num_hidden_layers)
