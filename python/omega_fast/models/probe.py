"""Two layers on what a language model holds and thinks of a step; it stays as it is, or is trained with them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import AutoModel, AutoModelForCausalLM
from transformers.modeling_outputs import TokenClassifierOutput

from omega_fast.backends.checkpoint import without_progress_bars
from omega_fast.backends.hub_names import check_model_name
from omega_fast.errors import BackendError
from omega_fast.models.likelihood import FIGURES, step_figures
from omega_fast.models.prm_card import PrmCard
from omega_fast.models.prm_checkpoint import place_of, refuse_pickles, without_notes

__all__ = ["WEIGHTS", "Probe", "load_base", "load_probe", "save_probe"]

WEIGHTS = "probe.safetensors"
"""The file of the two layers."""

Spans = Sequence[Sequence[int]]
"""A position for each step of each sequence."""

_LOGITS = 1 << 27
"""Logits that are held at once, 512 MiB in float32; a single sequence may need more."""


class Probe(nn.Module):
    """A language model with two layers on one of its hidden states at the end of a step.

    With `likelihood` they read `step_figures` beside it: how probable the model itself finds what the step says. Its
    states before a token hold what it expected there; at the end of the step nothing need say whether that was
    written. Inputs are standardised with the mean and the spread of the training set, so that any model's will do.

    Args:
        base: The language model; without its output layer unless `likelihood`.
        layer: Which hidden states: 0 the embeddings, -1 the last layer's.
        width: Of the layer between.
        likelihood: Whether the figures are read, too.
        tuned: Whether the language model is trained with the layers; it is frozen otherwise.
    """

    def __init__(
        self, base: Any, layer: int, width: int, *, likelihood: bool = False, tuned: bool = False
    ) -> None:
        super().__init__()
        self.mean: Tensor
        self.spread: Tensor
        self.base = base.requires_grad_(requires_grad=tuned)
        self.layer = layer
        self.likelihood = likelihood
        self.tuned = tuned
        size = base.config.get_text_config().hidden_size + (FIGURES if likelihood else 0)
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("spread", torch.ones(size))
        self.layers = nn.Sequential(nn.Linear(size, width), nn.GELU(), nn.Linear(width, 1))

    @property
    def config(self) -> Any:
        """The language model's configuration."""
        return self.base.config

    def gradient_checkpointing_enable(self, **options: Any) -> None:
        """Have the language model compute its activations twice, as transformers' trainer asks for it."""
        self.base.gradient_checkpointing_enable(**options)

    def inputs(self, input_ids: Tensor, attention_mask: Tensor, starts: Spans, ends: Spans) -> list[Tensor]:
        """What the layers read, (steps, size) for each sequence, in float32; with gradients only if tuned.

        Args:
            input_ids: Tokens, (batch, tokens), padded on the right.
            attention_mask: 1 where a token stands.
            starts: Position of the first token of each step.
            ends: Position of the last token of each step.
        """
        vocabulary = self.config.get_text_config().vocab_size
        rows = max(1, _LOGITS // (input_ids.shape[1] * vocabulary)) if self.likelihood else len(input_ids)
        found: list[Tensor] = []
        for first in range(0, len(input_ids), rows):
            some = slice(first, first + rows)
            with torch.set_grad_enabled(self.tuned and torch.is_grad_enabled()):
                out = self.base(
                    input_ids=input_ids[some],
                    attention_mask=attention_mask[some],
                    output_hidden_states=True,
                    use_cache=False,
                )
            for row, (begin, end) in enumerate(zip(starts[some], ends[some], strict=True)):
                read = out.hidden_states[self.layer][row, list(end)].float()
                if self.likelihood:
                    length = max(end) + 1
                    ids = input_ids[first + row, :length]
                    read = torch.cat([read, step_figures(out.logits[row, :length], ids, begin, end)], dim=1)
                found.append(read)
        return found

    def read(self, inputs: Tensor) -> Tensor:
        """The logits of inputs, (..., size) to (..., 1)."""
        logits: Tensor = self.layers((inputs - self.mean) / self.spread)
        return logits

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, starts: Spans, ends: Spans
    ) -> TokenClassifierOutput:
        """`logits`, (batch, tokens, 1), as transformers' token classification gives it; 0 but at the ends of steps."""
        logits: Any = torch.zeros(*input_ids.shape, 1, device=input_ids.device)
        for row, each in enumerate(self.inputs(input_ids, attention_mask, starts, ends)):
            logits[row, list(ends[row])] = self.read(each).to(logits.dtype)
        return TokenClassifierOutput(logits=logits)


def load_base(
    name: str,
    *,
    dtype: str,
    attention: str | None,
    likelihood: bool = False,
    revision: str | None = None,
) -> Any:
    """A language model, with its output layer if its probabilities are asked for. Raises `BackendError`."""
    place = place_of(name)
    refuse_pickles(place)
    check_model_name(place, revision)
    options = {} if attention is None else {"attn_implementation": attention}
    try:
        with without_progress_bars(), without_notes():
            family = AutoModelForCausalLM if likelihood else AutoModel
            base: Any = family.from_pretrained(
                place,
                revision=revision,
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
    """Write the two layers as safetensors, and beside them the language model if it was trained with them."""
    if probe.tuned:
        probe.base.save_pretrained(folder)
    own = {name: tensor for name, tensor in probe.state_dict().items() if not name.startswith("base.")}
    save_file({name: tensor.contiguous().cpu() for name, tensor in own.items()}, folder / WEIGHTS)


def load_probe(place: str, card: PrmCard, *, dtype: str, attention: str | None) -> Probe:
    """A probe from its folder, on the language model there if it is tuned, else on the one that its card names.

    Raises:
        BackendError: If either cannot be loaded, or they do not fit.
    """
    path = Path(place) / WEIGHTS
    try:
        own = load_file(path)
        width = own["layers.0.weight"].shape[0]
    except (OSError, SafetensorError, KeyError) as error:
        raise BackendError(f"cannot load {path}: {error}", hint="train the probe again") from error
    name, revision = (place, None) if card.tuned else (card.base_model, card.base_revision)
    base = load_base(name, dtype=dtype, attention=attention, likelihood=card.likelihood, revision=revision)
    probe = Probe(base, card.layer, width, likelihood=card.likelihood, tuned=card.tuned)
    if any(own[name].shape != tensor.shape for name, tensor in probe.state_dict().items() if name in own):
        raise BackendError(
            f"{path} does not fit {name}: its hidden states have another size",
            hint="the probe was trained on another model",
        )
    probe.load_state_dict(own, strict=False)
    return probe
