"""The policy in training beside its frozen reference: log-probabilities of the steps and stops of solutions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from omega_fast.train.adapters import with_adapters
from omega_fast.train.gflownet.config import GflownetConfig
from omega_fast.train.gflownet.path_log_probs import PathLogProbs, Written, path_log_probs

__all__ = ["PolicyModule", "Told"]


@dataclass(frozen=True, slots=True)
class Told:
    """What the policy makes of solutions, with gradients.

    Attributes:
        probs: log-probabilities of steps and stops.
        flows: What the flow layer says at each state, (solutions, steps + 1); `None` without one.
    """

    probs: PathLogProbs
    flows: Tensor | None = None


class PolicyModule(nn.Module):
    """A causal language model that is trained, with the model it began as.

    With adapters the reference is the same network with them switched off; without, a frozen copy. A layer on top of
    the last hidden states tells flows, where they are learnt; it begins at 0.

    Args:
        network: A causal language model without dropout.
        config: The settings.
        ends: Every id that ends a text: stopping is any of them.
        packed: Whether solutions of a question are one row, in which what they share is computed once.
    """

    def __init__(self, network: Any, config: GflownetConfig, ends: Sequence[int], *, packed: bool) -> None:
        super().__init__()
        self._temperature = config.temperature
        self._ends = sorted(ends)
        self._packed = packed
        self._adapted = bool(config.lora_rank)
        # In a list, so that torch takes it for no part of what is trained, saved or handed from process to process
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

    def forward(self, solutions: Sequence[Written]) -> Told:
        """What the policy makes of solutions."""
        probs = self._probs(self.network, solutions, hidden=self.flow is not None)
        if self.flow is None:
            return Told(probs)
        assert probs.hidden is not None, "it was asked for"
        return Told(probs, self.flow(probs.hidden.float())[..., 0])

    @torch.no_grad()
    def reference(self, solutions: Sequence[Written]) -> PathLogProbs:
        """What the reference makes of the same, without gradients."""
        with self._referring() as network:
            return self._probs(network, solutions, hidden=False)

    @torch.no_grad()
    def log_probs(self, prompt: Sequence[int], ids: Sequence[int]) -> list[float]:
        """The log-probability of each token of one solution at temperature 1, by a plain forward."""
        device = next(self.network.parameters()).device
        whole = torch.tensor([[*prompt, *ids]], device=device)
        logits = self.network(input_ids=whole, use_cache=False).logits[0, len(prompt) - 1 : -1]
        told = logits.float().log_softmax(-1).gather(1, whole[0, len(prompt) :, None])
        return [float(each) for each in told[:, 0]]

    def _probs(self, network: Any, solutions: Sequence[Written], *, hidden: bool) -> PathLogProbs:
        return path_log_probs(
            network,
            solutions,
            self._ends,
            packed=self._packed,
            temperature=self._temperature,
            hidden=hidden,
        )

    @contextmanager
    def _referring(self) -> Iterator[Any]:
        if not self._adapted:
            yield self._frozen[0].to(next(self.network.parameters()).device)
            return
        with self.network.disable_adapter():
            yield self.network
