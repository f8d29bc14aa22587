"""From a network's outputs at every token to one logit a step."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["at_ends", "in_rows", "of_classes", "pad_sequences", "right_logit"]


def at_ends(logits: Tensor, ends: Tensor) -> Tensor:
    """The outputs at the ends of steps, in float32 or better.

    Args:
        logits: (rows, tokens, classes).
        ends: Positions in the rows laid end to end, (solutions, steps), so that solutions may share a row; see
            `in_rows`. What stands in padding does not matter as long as it is a position.

    Returns:
        (solutions, steps, classes).
    """
    picked = logits.flatten(0, 1)[ends]
    return picked if picked.dtype == torch.float64 else picked.float()


def in_rows(ends: Tensor, tokens: int) -> Tensor:
    """Positions in rows of `tokens` tokens, row i those of solution i, as positions in the rows laid end to end."""
    return ends + tokens * torch.arange(len(ends), device=ends.device).unsqueeze(1)


def of_classes(outputs: Tensor, classes: Sequence[int]) -> Tensor:
    """The outputs of some classes alone, in this order, (..., all) to (..., classes); without any, all of them."""
    return outputs[..., list(classes)] if classes else outputs


def right_logit(outputs: Tensor) -> Tensor:
    """log(p / (1 - p)) that a step is right: the difference of two classes, or the one logit there is.

    With two classes, `sigmoid` of this is the `softmax` of class 1. Shapes (..., classes) to (...).
    """
    return outputs[..., 1] - outputs[..., 0] if outputs.shape[-1] == 2 else outputs[..., 0]


def pad_sequences(sequences: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Sequences filled up on the right to one length, and the mask of what is no filling; (batch, longest) each.

    Filled with 0, an id that every model has, unlike the padding token of some tokenizers: what is masked has no
    influence on what comes before it.
    """
    longest = max(map(len, sequences))
    ids = torch.zeros((len(sequences), longest), dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)] = torch.tensor(sequence)
        mask[row, : len(sequence)] = 1
    return ids, mask
