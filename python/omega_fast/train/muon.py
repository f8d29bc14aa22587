"""Muon for the matrices of hidden layers and AdamW for everything else, as one optimizer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn
from torch.nn import Parameter
from torch.optim import AdamW, Muon, Optimizer

__all__ = ["MuonAndAdamW", "muon_for"]

_OTHERS = 0.15
_BETAS = (0.9, 0.95)


class MuonAndAdamW(Optimizer):
    """Muon (https://kellerjordan.github.io/posts/muon) on matrices, AdamW on the other parameters.

    One list of groups and one state, so that schedulers and checkpoints see a single optimizer.

    Args:
        matrices: What Muon trains: parameters of two dimensions.
        others: What AdamW trains.
        rate: Learning rate of Muon; AdamW's is 0.15 of it.
        weight_decay: Of both.
    """

    def __init__(
        self, matrices: Iterable[Parameter], others: Iterable[Parameter], rate: float, weight_decay: float
    ) -> None:
        self._parts: list[Optimizer] = []
        if found := list(matrices):
            self._parts.append(Muon(found, lr=rate, weight_decay=weight_decay))
        if left := list(others):
            self._parts.append(AdamW(left, lr=_OTHERS * rate, betas=_BETAS, weight_decay=weight_decay))
        super().__init__([group for part in self._parts for group in part.param_groups], {})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update of all parameters; the loss if a closure computes it."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for part, group in zip(self._parts, self.param_groups, strict=True):
            # Loading a state replaces both objects here, so they are handed over anew
            part.param_groups = [group]
            part.state = self.state
            part.step()
        return loss


def muon_for(network: nn.Module, rate: float, weight_decay: float) -> MuonAndAdamW:
    """The optimizer for what is trained of a network: matrices of its layers by Muon, everything else by AdamW.

    Args:
        network: A transformer whose layers are named `...layers.N...`, possibly with adapters.
        rate: See `MuonAndAdamW`.
        weight_decay: See `MuonAndAdamW`.
    """
    trained = [(name, weight) for name, weight in network.named_parameters() if weight.requires_grad]
    hidden = {name for name, weight in trained if weight.ndim == 2 and "layers." in name}
    return MuonAndAdamW(
        (weight for name, weight in trained if name in hidden),
        (weight for name, weight in trained if name not in hidden),
        rate,
        weight_decay,
    )
