"""The check a model passes before it is trusted: a running batch gives the logits of a plain forward.

Some architectures take positions, masks or caches in ways of their own, and would go wrong without a word.
Every label rests on the continuations, so a model that does not pass is refused.
"""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import DynamicCache

from omega_fast.backends.decode_masks import DecodeMask
from omega_fast.backends.slot_cache import SlotCache
from omega_fast.errors import BackendError

__all__ = ["check_decoding"]

_LENGTHS = (3, 9, 6)
_TOLERANCE = {torch.float32: 0.01}
_TOLERANCE_HALF = 0.2


@torch.inference_mode()
def check_decoding(model: Any, mask: DecodeMask, context: int) -> None:
    """Compare the last logits of three short sequences, in a batch with a cache against alone without.

    `context` is the most tokens a sequence will have.

    Raises `BackendError` if they differ by more than rounding: .01 of the logits' standard deviation in
    float32, .2 in half precision.
    """
    if "position_ids" not in inspect.signature(model.forward).parameters:
        raise _refusal(model, "its forward takes no position_ids")
    sequences = [_sequence(model, min(length, context)) for length in _LENGTHS]
    try:
        batched = _batched_logits(model, mask, sequences)
    except Exception as error:  # whatever an architecture raises when it meets a cache it does not know
        raise _refusal(model, str(error)) from error
    for sequence, logits in zip(sequences, batched, strict=True):
        alone = model(input_ids=sequence[None], use_cache=False).logits[0, -1].float()
        tolerance = _TOLERANCE.get(model.dtype, _TOLERANCE_HALF)
        # Written so that NaN is a difference.
        if not (logits.float() - alone).abs().max() <= tolerance * alone.std():
            raise _refusal(model, "its logits there differ from those of a plain forward")


def _batched_logits(model: Any, mask: DecodeMask, sequences: list[Tensor]) -> Tensor:
    """[sequences, vocabulary], by the running batch's way: prefill padded on the right, copy, one turn."""
    lengths = [len(ids) for ids in sequences]
    width = max(lengths) - 1
    padded = torch.stack([torch.nn.functional.pad(ids[:-1], (0, width - len(ids) + 1)) for ids in sequences])
    prefilled = DynamicCache()
    model.base_model(input_ids=padded, past_key_values=prefilled, use_cache=True)
    cache = SlotCache(model.config.get_text_config().num_hidden_layers, len(sequences))
    cache.copy_in(0, prefilled, torch.arange(len(sequences), device=model.device), width)
    positions = torch.tensor(lengths, device=model.device) - 1
    span = max(lengths)
    cache.open_turn(positions, span)
    last = torch.stack([ids[-1:] for ids in sequences])
    output = model(
        input_ids=last,
        attention_mask=mask(positions, span),
        position_ids=positions[:, None],
        past_key_values=cache,
        use_cache=True,
    )
    logits: Tensor = output.logits[:, -1]
    return logits


def _sequence(model: Any, length: int) -> Tensor:
    vocabulary = model.config.get_text_config().vocab_size
    ids: Tensor = torch.arange(1, length + 1, device=model.device) * 7919 % vocabulary
    return ids


def _refusal(model: Any, reason: str) -> BackendError:
    return BackendError(
        f"{type(model).__name__} cannot be decoded in a running batch: {reason}",
        hint="serve it with another backend, such as vllm",
    )
