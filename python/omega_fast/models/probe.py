"""Two layers on the hidden states of a language model that stays as it is; trained in seconds."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import AutoModel

from omega_fast.backends.checkpoint import without_progress_bars
from omega_fast.backends.hub_names import check_model_name
from omega_fast.errors import BackendError
from omega_fast.models.prm_card import PrmCard
from omega_fast.models.prm_checkpoint import place_of, refuse_pickles, without_notes

__all__ = ["WEIGHTS", "Probe", "load_base", "load_probe", "save_probe"]

WEIGHTS = "probe.safetensors"
"""The file of the two layers."""


class Probe(nn.Module):
    """A frozen language model with two layers on one of its hidden states.

    Inputs are standardised with the mean and the spread of the training set, so that any model's states will do.

    Args:
        base: The language model without its output layer.
        layer: Which hidden states: 0 the embeddings, -1 the last layer's.
        width: Of the layer between.
    """

    def __init__(self, base: Any, layer: int, width: int) -> None:
        super().__init__()
        self.mean: Tensor
        self.spread: Tensor
        self.base = base.requires_grad_(requires_grad=False)
        self.layer = layer
        size = base.config.get_text_config().hidden_size
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("spread", torch.ones(size))
        self.layers = nn.Sequential(nn.Linear(size, width), nn.GELU(), nn.Linear(width, 1))

    @property
    def config(self) -> Any:
        """The language model's configuration."""
        return self.base.config

    @torch.no_grad()
    def states(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """The hidden states the layers read, (batch, tokens, size), in float32."""
        found = self.base(
            input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=True, use_cache=False
        )
        states: Tensor = found.hidden_states[self.layer]
        return states.float()

    def read(self, states: Tensor) -> Tensor:
        """The logits of hidden states, (..., size) to (..., 1)."""
        logits: Tensor = self.layers((states - self.mean) / self.spread)
        return logits

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Any:
        """An object with `logits`, (batch, tokens, 1), as transformers' models give it."""
        return SimpleNamespace(logits=self.read(self.states(input_ids, attention_mask)))


def load_base(name: str, *, dtype: str, attention: str | None) -> Any:
    """A language model without its output layer. Raises `BackendError` where that fails."""
    place = place_of(name)
    refuse_pickles(place)
    check_model_name(place)
    options = {} if attention is None else {"attn_implementation": attention}
    try:
        with without_progress_bars(), without_notes():
            base: Any = AutoModel.from_pretrained(
                place,
                use_safetensors=True,
                dtype=dtype if dtype == "auto" else getattr(torch, dtype),
                **options,
            )
    except (OSError, ValueError, ImportError, RuntimeError, KeyError) as error:
        raise BackendError(
            f"cannot load model {name!r}: {error}", hint="give a folder or hub name with *.safetensors"
        ) from error
    return base.eval()


def save_probe(probe: Probe, folder: Path) -> None:
    """Write the two layers, without the language model, as safetensors."""
    own = {name: tensor for name, tensor in probe.state_dict().items() if not name.startswith("base.")}
    save_file({name: tensor.contiguous().cpu() for name, tensor in own.items()}, folder / WEIGHTS)


def load_probe(place: str, card: PrmCard, *, dtype: str, attention: str | None) -> Probe:
    """A probe from its folder, on the language model that its card names.

    Raises:
        BackendError: If either cannot be loaded, or they do not fit.
    """
    path = Path(place) / WEIGHTS
    try:
        own = load_file(path)
        width = own["layers.0.weight"].shape[0]
    except (OSError, SafetensorError, KeyError) as error:
        raise BackendError(f"cannot load {path}: {error}", hint="train the probe again") from error
    probe = Probe(load_base(card.base_model, dtype=dtype, attention=attention), card.layer, width)
    if any(own[name].shape != tensor.shape for name, tensor in probe.state_dict().items() if name in own):
        raise BackendError(
            f"{path} does not fit {card.base_model}: its hidden states have another size",
            hint="the probe was trained on another model",
        )
    probe.load_state_dict(own, strict=False)
    return probe
