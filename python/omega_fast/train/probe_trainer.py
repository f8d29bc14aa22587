"""The trainer of a probe: what the model holds of each step once, then two layers on all of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from omega_fast.models.probe import Probe
from omega_fast.models.step_logits import pad_sequences
from omega_fast.train.batches import Sequenced
from omega_fast.train.objective import OBJECTIVES
from omega_fast.train.prm_config import PrmConfig

__all__ = ["train_probe"]

_BATCH_TOKENS = 16_384
_LEAST_SPREAD = 1e-6


def train_probe(
    probe: Probe,
    train: Sequence[Sequenced],
    held: Sequence[Sequenced],
    *,
    config: PrmConfig,
    updates: int,
    rate: float,
    on_log: Callable[[list[dict[str, Any]]], None],
) -> list[dict[str, Any]]:
    """Train the two layers with AdamW on all steps at once; the log, as transformers' trainer has it.

    Args:
        probe: Changed in place.
        train: What to learn from.
        held: What to tell the loss on; may be empty.
        config: Loss, weight decay, how often to log.
        updates: How many.
        rate: The learning rate.
        on_log: Called with the log whenever it grows.
    """
    with torch.no_grad():
        states, targets, weights = _steps(probe, train)
        probe.mean.copy_(states.mean(dim=0))
        probe.spread.copy_(states.std(dim=0, correction=0).clamp(min=_LEAST_SPREAD))
    with torch.no_grad():
        told = _steps(probe, held) if held else None
    optimiser = torch.optim.AdamW(probe.layers.parameters(), lr=rate, weight_decay=config.weight_decay)
    history: list[dict[str, Any]] = []
    for update in range(1, updates + 1):
        optimiser.zero_grad()
        loss = _loss(probe, states, targets, weights, config)
        torch.autograd.backward(loss)
        optimiser.step()
        if update in (1, updates) or update % config.log_every == 0:
            entry: dict[str, Any] = {"step": update, "epoch": float(update), "loss": loss.item()}
            if told is not None:
                with torch.no_grad():
                    entry["eval_loss"] = _loss(probe, *told, config).item()
            history.append(entry)
            on_log(history)
    return history


def _loss(probe: Probe, states: Tensor, targets: Tensor, weights: Tensor, config: PrmConfig) -> Tensor:
    outputs = probe.read(states).unsqueeze(1)
    mask = torch.ones(len(targets), 1, dtype=torch.bool, device=targets.device)
    losses = OBJECTIVES[config.loss].losses(outputs, targets.unsqueeze(1), mask, config)
    return (losses[:, 0] * weights).mean()


def _steps(probe: Probe, sequences: Sequence[Sequenced]) -> tuple[Tensor, Tensor, Tensor]:
    """What the layers read, (steps, size), targets and weights, (steps,), of all labelled steps."""
    device = probe.mean.device
    inputs: list[Tensor] = []
    targets: list[float] = []
    weights: list[float] = []
    ordered = sorted(sequences, key=lambda each: len(each.ids))
    size = max(1, _BATCH_TOKENS // max(len(each.ids) for each in ordered))
    for start in range(0, len(ordered), size):
        batch = ordered[start : start + size]
        ids, mask = pad_sequences([each.ids for each in batch])
        starts, ends = [each.starts for each in batch], [each.ends for each in batch]
        found = probe.inputs(ids.to(device), mask.to(device), starts, ends)
        for each, read in zip(batch, found, strict=True):
            for at, (target, weight) in enumerate(zip(each.targets, each.weights, strict=True)):
                if target is not None:
                    inputs.append(read[at])
                    targets.append(target)
                    weights.append(weight)
    as_tensor = (torch.tensor(each, device=device) for each in (targets, weights))
    return torch.stack(inputs), next(as_tensor), next(as_tensor)
