"""The policy in training beside its frozen reference: log-probabilities of solutions token by token."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from omega_fast.train.adapters import with_adapters
from omega_fast.train.gflownet.config import GflownetConfig

__all__ = ["Batch", "PolicyModule", "TokenLogProbs", "batch_of"]


@dataclass(frozen=True, slots=True)
class Batch:
    """Solutions behind their prompts, padded on the right.

    Attributes:
        ids: (solutions, tokens).
        mask: 1 where there is a token, (solutions, tokens).
        starts: The position of each solution's first token, (solutions,).
        lengths: Tokens of each solution, (solutions,).
    """

    ids: Tensor
    mask: Tensor
    starts: Tensor
    lengths: Tensor


@dataclass(frozen=True, slots=True)
class TokenLogProbs:
    """What a policy makes of solutions; what stands in padding means nothing.

    Attributes:
        tokens: log-probability of token i given those before it, (solutions, longest).
        stops: log-probability of the end after i tokens, (solutions, longest + 1).
        flows: What the flow layer says after i tokens, (solutions, longest + 1); `None` without one.
    """

    tokens: Tensor
    stops: Tensor
    flows: Tensor | None = None


class PolicyModule(nn.Module):
    """A causal language model that is trained, with the model it began as.

    With adapters the reference is the same network with them switched off; without, a frozen copy. A layer on top of
    the last hidden states tells flows, where they are learnt; it begins at 0.

    Args:
        network: A causal language model without dropout.
        config: The settings.
        ends: Every id that ends a text: stopping is any of them.
    """

    def __init__(self, network: Any, config: GflownetConfig, ends: Sequence[int]) -> None:
        super().__init__()
        self._temperature = config.temperature
        self._ends = sorted(ends)
        self._adapted = bool(config.lora_rank)
        # Hidden from torch: it is no part of what is trained, saved or handed from process to process
        self._frozen: list[Any] = []
        if not self._adapted:
            self._frozen.append(deepcopy(network).eval().requires_grad_(requires_grad=False))
        self.network: Any = with_adapters(network, config, classifies=False)
        self.flow: nn.Linear | None = None
        if config.learns_flows:
            self.flow = nn.Linear(network.config.get_text_config().hidden_size, 1)
            nn.init.zeros_(self.flow.weight)
            nn.init.zeros_(self.flow.bias)

    @property
    def plain(self) -> Any:
        """The language model itself, adapters working inside of it: what an engine samples."""
        return self.network.get_base_model() if self._adapted else self.network

    def forward(self, ids: Tensor, mask: Tensor, starts: Tensor, lengths: Tensor) -> TokenLogProbs:
        """What the policy makes of solutions, with gradients."""
        output = self.network(
            input_ids=ids, attention_mask=mask, use_cache=False, output_hidden_states=self.flow is not None
        )
        found = self._read(output.logits, ids, starts, lengths)
        if self.flow is None:
            return found
        states = output.hidden_states[-1].float()
        flows = self.flow(_behind(states, starts, int(lengths.max())))[..., 0]
        return TokenLogProbs(found.tokens, found.stops, flows)

    @torch.no_grad()
    def reference(self, batch: Batch) -> TokenLogProbs:
        """What the reference makes of the same."""
        with self._referring() as network:
            logits = network(input_ids=batch.ids, attention_mask=batch.mask, use_cache=False).logits
        return self._read(logits, batch.ids, batch.starts, batch.lengths)

    @torch.no_grad()
    def log_probs(self, prompt: Sequence[int], ids: Sequence[int]) -> list[float]:
        """The log-probability of each token of one solution at temperature 1, by a plain forward."""
        device = next(self.network.parameters()).device
        whole = torch.tensor([[*prompt, *ids]], device=device)
        logits = self.network(input_ids=whole, use_cache=False).logits[0, len(prompt) - 1 : -1]
        told = logits.float().log_softmax(-1).gather(1, whole[0, len(prompt) :, None])
        return [float(each) for each in told[:, 0]]

    @contextmanager
    def _referring(self) -> Any:
        if not self._adapted:
            yield self._frozen[0].to(next(self.network.parameters()).device)
            return
        with self.network.disable_adapter():
            yield self.network

    def _read(self, logits: Tensor, ids: Tensor, starts: Tensor, lengths: Tensor) -> TokenLogProbs:
        longest = int(lengths.max())
        near = _behind(logits, starts, longest)
        told = (near if near.element_size() > 4 else near.float()) / self._temperature
        told = told.log_softmax(-1)
        stops = told[..., self._ends].logsumexp(-1)
        at = (starts.unsqueeze(1) + torch.arange(longest, device=ids.device)).clamp(max=ids.shape[1] - 1)
        tokens = told[:, :-1].gather(2, ids.gather(1, at).unsqueeze(2)).squeeze(2)
        return TokenLogProbs(tokens, stops)


def batch_of(solutions: Sequence[tuple[Sequence[int], Sequence[int]]], device: Any) -> Batch:
    """Prompts and solutions as one batch."""
    rows = [[*prompt, *ids] for prompt, ids in solutions]
    width = max(map(len, rows))
    # Padding comes after all that is read, so any id will do
    ids = torch.tensor([[*row, *[0] * (width - len(row))] for row in rows], device=device)
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows], device=device)
    starts = torch.tensor([len(prompt) for prompt, _ in solutions], device=device)
    lengths = torch.tensor([len(own) for _, own in solutions], device=device)
    return Batch(ids, mask, starts, lengths)


def _behind(values: Tensor, starts: Tensor, longest: int) -> Tensor:
    """What stands at the prompt's last token and behind it, (solutions, tokens, size) to (.., longest + 1, size)."""
    at = starts.unsqueeze(1) - 1 + torch.arange(longest + 1, device=values.device)
    at = at.clamp(max=values.shape[1] - 1)
    return values.gather(1, at.unsqueeze(2).expand(-1, -1, values.shape[2]))
