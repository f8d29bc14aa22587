"""Hidden states at chosen places of many sequences, in batches of like length; one pass over each sequence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from omega_fast.errors import InputError

__all__ = ["Marked", "batched", "hidden_at"]


@dataclass(frozen=True, slots=True)
class Marked:
    """A sequence of token ids and the positions, one a step, at which a model says how right the step is."""

    ids: tuple[int, ...]
    positions: tuple[int, ...]

    def within(self, limit: int) -> Marked:
        """The same. Raises `InputError` if it has more tokens than `limit`: nothing is cut off."""
        if len(self.ids) > limit:
            raise InputError(
                f"problem and solution have {len(self.ids)} tokens, and there may be {limit}",
                hint="leave the solution out, or raise max_length if the model takes more",
            )
        return self


@torch.inference_mode()
def hidden_at(model: Any, rows: Sequence[Marked], batch_tokens: int) -> list[Tensor]:
    """The last hidden states of a causal model at each row's positions, `[steps, hidden]` a row.

    Padding stands behind, where causal attention from the left does not see it.

    Args:
        model: A transformers model without a head; its outputs have `last_hidden_state`.
        rows: Sequences; results come in their order.
        batch_tokens: Rows times the longest of them is at most this, unless one alone is longer.
    """
    states: list[Tensor] = [torch.empty(0)] * len(rows)
    for batch in batched(rows, batch_tokens):
        width = len(rows[batch[0]].ids)
        ids = torch.zeros(len(batch), width, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for line, index in enumerate(batch):
            length = len(rows[index].ids)
            ids[line, :length] = torch.tensor(rows[index].ids)
            mask[line, :length] = 1
        outputs = model(
            input_ids=ids.to(model.device), attention_mask=mask.to(model.device), use_cache=False
        ).last_hidden_state
        for line, index in enumerate(batch):
            states[index] = outputs[line, list(rows[index].positions)]
    return states


def batched(rows: Sequence[Marked], batch_tokens: int) -> Iterator[list[int]]:
    """Indices of rows that run together, longest first, so that what does not fit in memory shows at once.

    Args:
        rows: Sequences.
        batch_tokens: Rows times the longest of them is at most this, unless one alone is longer.
    """
    batch: list[int] = []
    for index in sorted(range(len(rows)), key=lambda i: -len(rows[i].ids)):
        if batch and len(rows[batch[0]].ids) * (len(batch) + 1) > batch_tokens:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
