"""Which cached columns a row's next token may look at, in the form its model wants to be told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from omega_fast.errors import BackendError

__all__ = ["DecodeMask", "decode_mask"]

DecodeMask = Callable[[Tensor, int], Any]
"""From positions (int64 [rows]) and span (columns) to what the model takes as `attention_mask`."""


def decode_mask(config: Any, context: int) -> DecodeMask:
    """The mask maker for a model's configuration, for sequences of at most `context` tokens.

    A model that looks at everything gets rows of seen columns, as for padded text, and builds its own mask
    from them. One with sliding windows shorter than `context` would take the padding for the row's length, so
    it gets the finished masks. Raises `BackendError` for layers that are not attention over a key-value
    cache.
    """
    window = getattr(config, "sliding_window", None)
    layer_types = set(getattr(config, "layer_types", None) or ())
    if unknown := layer_types - {"full_attention", "sliding_attention"}:
        raise BackendError(
            f"this model has {', '.join(sorted(unknown))} layers, which keep more than keys and values",
            hint="serve it with another backend, such as vllm",
        )
    slides = "sliding_attention" in layer_types if layer_types else window is not None
    if not slides or window is None or window >= context:
        return _seen
    if config._attn_implementation != "sdpa":
        raise BackendError(
            f"sliding-window attention needs the sdpa implementation, not {config._attn_implementation}",
            hint="set attention to sdpa, or max_context to at most the window",
        )
    if not layer_types:
        return lambda positions, span: _within(positions, span, window)
    return lambda positions, span: {
        "full_attention": _within(positions, span, span),
        "sliding_attention": _within(positions, span, window),
    }


def _seen(positions: Tensor, span: int) -> Tensor:
    """[rows, span], true in the columns up to each row's position."""
    return torch.arange(span, device=positions.device) <= positions[:, None]


def _within(positions: Tensor, span: int, window: int) -> Tensor:
    """[rows, 1, 1, span], true in the last `window` columns up to each row's position."""
    columns = torch.arange(span, device=positions.device)
    seen = (columns <= positions[:, None]) & (columns > positions[:, None] - window)
    return seen[:, None, None]
