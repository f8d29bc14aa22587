"""How probable a language model finds the tokens of a solution."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

__all__ = ["solution_log_probs"]


def solution_log_probs(logits: Tensor, ids: Tensor, mask: Tensor, starts: Tensor) -> Tensor:
    """The log-probability of each token given those before it, 0 in the prompt and in padding.

    Args:
        logits: (sequences, tokens, vocabulary), of a causal language model.
        ids: (sequences, tokens).
        mask: Of what is no padding, (sequences, tokens).
        starts: The position of each solution's first token, (sequences,), at least 1.

    Returns:
        (sequences, tokens), in float32 or better.
    """
    exact = logits if logits.element_size() > 4 else logits.float()
    losses = functional.cross_entropy(exact[:, :-1].transpose(1, 2), ids[:, 1:], reduction="none")
    told = functional.pad(-losses, (1, 0))
    places = starts.new_ones(ids.shape).cumsum(dim=1) - 1
    return told * ((places >= starts.unsqueeze(1)) & (mask > 0))
