"""Whether a network gives the tokens of a packed tree what it gives those of its rows."""

from __future__ import annotations

from typing import Any

import torch

from omega_fast.errors import ConfigError
from omega_fast.train.packing.attention import MASKED, subtree_ends, tree_mask
from omega_fast.train.packing.layout import lay_out

__all__ = ["refuse_unpackable"]

_HINT = "train on rows instead: pack off"
_TOLERANCE = 64
"""Roundings of the model's own number type by which outputs may differ, of the largest."""


def refuse_unpackable(network: Any) -> None:
    """Refuse what cannot be trained on packed trees: attention must be full, and positions given from outside.

    The configuration is looked at first. Then a small tree of tokens is run both ways, so that a model whose code
    ignores mask or positions is found out whatever its configuration says.

    Args:
        network: A transformers model with outputs at every token.

    Raises:
        ConfigError: If it does not fit, with the reason.
    """
    config = getattr(network.config, "text_config", None) or network.config
    kind = config.model_type
    if (attention := network.config._attn_implementation) not in MASKED:
        raise ConfigError(
            f"attention {attention} takes no mask of a tree",
            hint=f"use one of {', '.join(MASKED)}, or packing off",
        )
    other = set(getattr(config, "layer_types", None) or ()) - {"full_attention"}
    if other:
        raise ConfigError(
            f"{kind} has layers of {', '.join(sorted(other))}, which see past the tree", hint=_HINT
        )
    if getattr(config, "sliding_window", None) and getattr(config, "use_sliding_window", True):
        raise ConfigError(f"{kind} attends within a sliding window, not along the tree", hint=_HINT)
    difference = _difference(network, config.vocab_size)
    if not difference <= _TOLERANCE * torch.finfo(next(network.parameters()).dtype).eps:
        raise ConfigError(
            f"{kind} gives other outputs for a packed tree than for its rows: off by {difference:.3g} of the largest",
            hint=_HINT,
        )


@torch.inference_mode()
def _difference(network: Any, vocabulary: int) -> float:
    """The greatest difference of outputs between a packed tree and its rows, beside the greatest output."""
    device, dtype = next(network.parameters()).device, next(network.parameters()).dtype
    tokens = [1 + at % (vocabulary - 1) for at in (3, 5, 7, 11, 2, 6, 9, 4)]
    paths = [tuple(tokens[:3] + tokens[fork : fork + 2]) for fork in (3, 5, 6)]
    tree = lay_out(paths)
    was_training = network.training
    network.eval()
    try:
        packed = network(
            input_ids=torch.tensor([tree.ids], device=device),
            position_ids=torch.tensor([tree.depths], device=device),
            attention_mask=tree_mask(
                subtree_ends([tree]).to(device), network.config._attn_implementation, dtype
            ),
            use_cache=False,
        ).logits[0]
        rows = network(input_ids=torch.tensor(paths, device=device), use_cache=False).logits
    except (TypeError, ValueError, RuntimeError) as error:
        kind = network.config.model_type
        raise ConfigError(f"{kind} does not take the mask of a packed tree: {error}", hint=_HINT) from error
    finally:
        network.train(was_training)
    places = torch.tensor(tree.places, device=device)
    scale = rows.abs().max().clamp(min=torch.finfo(dtype).tiny)
    return float((packed[places] - rows).abs().max() / scale)
