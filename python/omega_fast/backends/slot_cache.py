"""The key-value cache of a running batch: one row a request, each with a length of its own.

Row r keeps the token at position p in column p, so positions need no padding on the left, a new row is copied
in whatever its length, and the last rows move into the gaps that finished ones leave. Columns past a row's
length hold stale but finite numbers, which the attention mask hides.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache, CacheLayerMixin

__all__ = ["SlotCache"]

_COLUMN_STEP = 64


class SlotCache(Cache):
    """Keys and values of up to `slots` rows, through the interface that transformers' models write to.

    `open_turn` says where the next forward, of one token a row, puts its keys and how far it looks.
    """

    def __init__(self, n_layers: int, slots: int) -> None:
        self._turn = _Turn()
        self._slot_layers = [_SlotLayer(self._turn, slots) for _ in range(n_layers)]
        super().__init__(layers=[*self._slot_layers])

    def open_turn(self, positions: Tensor, span: int) -> None:
        """Prepare for one token at `positions` (int64 [rows]) of the first rows; `span`: the largest + 1."""
        self._turn.positions = positions
        self._turn.rows = torch.arange(positions.shape[0], device=positions.device)
        self._turn.span = span

    def copy_in(self, start: int, source: Cache, source_rows: Tensor, width: int) -> None:
        """Fill the rows from `start` on with the first `width` columns of rows `source_rows` of `source`.

        `source` may be this very cache: rows that hold the same prompt are copied rather than computed again.
        """
        others: list[Any] = source.layers
        for layer, other in zip(self._slot_layers, others, strict=True):
            layer.copy_in(start, other.keys, other.values, source_rows, width)

    def move(self, sources: Tensor, targets: Tensor, width: int) -> None:
        """Copy `width` columns of rows `sources` over rows `targets`; the two share no row."""
        for layer in self._slot_layers:
            layer.move(sources, targets, width)


class _Turn:
    """Where one forward writes, shared by the layers."""

    def __init__(self) -> None:
        self.positions = torch.empty(0, dtype=torch.int64)
        self.rows = torch.empty(0, dtype=torch.int64)
        self.span = 1


class _SlotLayer(CacheLayerMixin):  # type: ignore[no-untyped-call]
    """One layer's keys and values, [slots, heads, columns, head size] each; columns grow by doubling."""

    is_sliding = False

    def __init__(self, turn: _Turn, slots: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._turn = turn
        self._slots = slots

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        self.keys = _columns_like(key_states, self._slots)
        self.values = _columns_like(value_states, self._slots)
        self.is_initialized = True

    def update(
        self, key_states: Tensor, value_states: Tensor, *_args: Any, **_kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        turn = self._turn
        keys, values = self._with_room(key_states, value_states, turn.span)
        keys[turn.rows, :, turn.positions] = key_states[:, :, 0]
        values[turn.rows, :, turn.positions] = value_states[:, :, 0]
        n_rows = key_states.shape[0]
        return keys[:n_rows, :, : turn.span], values[:n_rows, :, : turn.span]

    def copy_in(
        self, start: int, key_states: Tensor, value_states: Tensor, source_rows: Tensor, width: int
    ) -> None:
        keys, values = self._with_room(key_states, value_states, width)
        end = start + source_rows.shape[0]
        keys[start:end, :, :width] = key_states[source_rows, :, :width]
        values[start:end, :, :width] = value_states[source_rows, :, :width]

    def move(self, sources: Tensor, targets: Tensor, width: int) -> None:
        if self.keys is not None and self.values is not None:
            self.keys[targets, :, :width] = self.keys[sources, :, :width]
            self.values[targets, :, :width] = self.values[sources, :, :width]

    def get_seq_length(self) -> int:
        return self._turn.span - 1

    def get_mask_sizes(self, *_args: Any) -> tuple[int, int]:
        return self._turn.span, 0

    def get_max_length(self) -> int:
        return -1

    def get_max_cache_shape(self) -> int:
        return -1

    def _with_room(self, key_states: Tensor, value_states: Tensor, columns: int) -> tuple[Tensor, Tensor]:
        """The stored keys and values, with at least `columns` columns."""
        if self.keys is None or self.values is None:
            self.lazy_initialization(key_states, value_states)
        assert self.keys is not None
        assert self.values is not None
        if columns > self.keys.shape[2]:
            self.keys, self.values = _widened(self.keys, columns), _widened(self.values, columns)
        return self.keys, self.values


def _columns_like(states: Tensor, slots: int) -> Tensor:
    """Zeros, not garbage: a masked column has weight 0, and 0 times NaN would still be NaN."""
    _, heads, _, head_size = states.shape
    return states.new_zeros(slots, heads, _COLUMN_STEP, head_size)


def _widened(states: Tensor, columns: int) -> Tensor:
    slots, heads, present, head_size = states.shape
    wanted = max(columns, 2 * present)
    wide = states.new_zeros(slots, heads, -(-wanted // _COLUMN_STEP) * _COLUMN_STEP, head_size)
    wide[:, :, :present] = states
    return wide
