"""The state of a fine-tuning on disk: trained weights, the optimiser's moments, buffers and log; never a pickle."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from omega_fast.errors import RunConflictError
from omega_fast.store.files import LocalFileSystem, naming, write_atomically
from omega_fast.train.checkpoints import checkpoints_in, last_checkpoint

__all__ = ["load_checkpoint", "save_checkpoint"]

_WEIGHTS, _MOMENTS, _STATE = "weights.safetensors", "optimizer.safetensors", "trainer_state.json"
_KEPT = 2


def save_checkpoint(
    folder: Path,
    update: int,
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    state: Mapping[str, Any],
    *,
    keep_all: bool,
) -> None:
    """Write what a training needs to go on after `update` updates; the state comes last and makes it whole.

    Raises:
        StoreError: If it cannot be written.
    """
    path = folder / f"checkpoint-{update}"
    with naming(path):
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        names = {id(each): name for name, each in _trained(module).items()}
        save_file(
            {name: each.detach().contiguous() for name, each in _trained(module).items()}, path / _WEIGHTS
        )
        moments = {
            f"{names[id(weight)]}|{kind}": torch.as_tensor(value).contiguous()
            for weight, kept in optimizer.state.items()
            for kind, value in kept.items()
        }
        save_file(moments, path / _MOMENTS)
        data = json.dumps(dict(state)).encode() + b"\n"
        write_atomically(LocalFileSystem(), path / _STATE, data)
    if not keep_all:
        for old in checkpoints_in(folder)[:-_KEPT]:
            shutil.rmtree(old, ignore_errors=True)


def load_checkpoint(
    folder: Path, module: nn.Module, optimizer: torch.optim.Optimizer
) -> dict[str, Any] | None:
    """Put the last whole checkpoint into module and optimiser, and return its state; `None` if there is none.

    Raises:
        RunConflictError: If it is of another module.
    """
    path = last_checkpoint(folder)
    if path is None:
        return None
    device = next(module.parameters()).device
    with naming(path, "read"):
        weights = load_file(path / _WEIGHTS, device=str(device))
        moments = load_file(path / _MOMENTS, device=str(device))
        state: dict[str, Any] = json.loads((path / _STATE).read_bytes())
    trained = _trained(module)
    if set(weights) != set(trained):
        raise RunConflictError(f"{path} is of another model", hint="name another output")
    with torch.no_grad():
        for name, each in trained.items():
            each.copy_(weights[name])
    kept: dict[str, dict[str, Tensor]] = {}
    for key, value in moments.items():
        name, _, kind = key.rpartition("|")
        # AdamW counts its steps on the CPU
        kept.setdefault(name, {})[kind] = value.cpu() if kind == "step" else value
    for name, each in trained.items():
        if name in kept:
            optimizer.state[each] = kept[name]
    return state


def _trained(module: nn.Module) -> dict[str, nn.Parameter]:
    return {name: each for name, each in module.named_parameters() if each.requires_grad}
