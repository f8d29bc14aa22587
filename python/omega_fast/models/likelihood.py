"""What a language model makes of a step that stands written: figures of its probabilities of the step's tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

__all__ = ["FIGURES", "step_figures", "writes_text"]

FIGURES = 7
"""How many figures `step_figures` gives of a step."""

_WRITERS = ("ForCausalLM", "LMHeadModel")
_LEAST = -100.0


def step_figures(logits: Tensor, ids: Tensor, starts: Sequence[int], ends: Sequence[int]) -> Tensor:
    """How likely a language model finds each step, and how sure it was of its own continuation, in nats.

    Of the log-probabilities of a step's tokens: sum, mean, least. Of how far each lies below the likeliest token's:
    sum (at most 0) and least. Of the entropies of the distributions they were drawn from: sum and largest. Such
    figures tell right from wrong text (Kadavath et al., arXiv 2207.05221; Malinin and Gales, arXiv 2002.07650).

    Args:
        logits: Of the token after each, (tokens, vocabulary), for one sequence.
        ids: Its tokens, (tokens,). The very first, which follows nothing, counts as certain.
        starts: Position of the first token of each step.
        ends: Position of the last token of each step.

    Returns:
        (steps, `FIGURES`), in float32.
    """
    guessed = logits[:-1].float().log_softmax(dim=-1)
    nothing = guessed.new_zeros(1)
    written = torch.cat([nothing, guessed.gather(1, ids[1:, None])[:, 0]])
    below = torch.cat([nothing, written[1:] - guessed.amax(dim=1)])
    # A logit of -inf is a probability of 0, which adds nothing
    entropy = torch.cat([nothing, -(guessed.exp() * guessed).nan_to_num(nan=0.0).sum(dim=1)])
    # A token that the model cannot write is very unlikely, not infinitely so: nothing can be learnt from that
    written, below = (each.clamp(min=_LEAST) for each in (written, below))
    rows = []
    for start, end in zip(starts, ends, strict=True):
        own, gap, doubt = (each[start : end + 1] for each in (written, below, entropy))
        rows.append(
            torch.stack([own.sum(), own.mean(), own.min(), gap.sum(), gap.min(), doubt.sum(), doubt.max()])
        )
    return torch.stack(rows)


def writes_text(config: Any) -> bool:
    """Whether the configuration is that of a language model with its output layer, which gives probabilities."""
    return any(name.endswith(_WRITERS) for name in getattr(config, "architectures", None) or ())
