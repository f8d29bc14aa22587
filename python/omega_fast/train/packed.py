"""Whether a training runs on packed trees, and on which packs."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from omega_fast.errors import ConfigError
from omega_fast.train.batches import Item, Pack
from omega_fast.train.packing.fitness import refuse_unpackable
from omega_fast.train.packing.layout import TokenTree, lay_out
from omega_fast.train.packing.packs import Saving, fill_packs, saving
from omega_fast.train.packing.worth import multiplications, work_in_packs, work_in_rows
from omega_fast.train.prm_config import PrmConfig

__all__ = ["Drawn", "drawn_for", "packs_of"]

_WORTH = 1.1
"""By which factor `auto` wants the arithmetic to fall."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """What the batches of a training are drawn from.

    Attributes:
        data: Items, a row a solution, or packs of them.
        batch_size: How many of these go into one forward.
        said: Whether they are packed, what that saves, or why they are not.
        saved: What it saves, if they are packed.
    """

    data: Sequence[Item] | Sequence[Pack]
    batch_size: int
    said: str
    saved: Saving | None = None

    def to_dict(self) -> dict[str, Any]:
        """The same for the record of a training."""
        told: dict[str, Any] = {"packed": self.saved is not None, "said": self.said}
        if self.saved is not None:
            told |= {"packs": len(self.data), "packs_in_a_forward": self.batch_size, **asdict(self.saved)}
            told |= {"gain": self.saved.gain, "bound": self.saved.bound}
        return told


def drawn_for(items: Sequence[Item], network: Any, config: PrmConfig, device: torch.device) -> Drawn:
    """The items themselves or packs of them, as `pack` says.

    `auto` packs if the network fits, its weights are whole on this device, and a forward over all data takes at least
    1.1 times fewer multiplications; attention over a dense mask counts with every pair of a pack.

    Args:
        items: What there is to learn from.
        network: As it will be trained, but for adapters.
        config: The settings.
        device: Where it will be trained; it is moved there to be tried.

    Raises:
        ConfigError: If `pack` is on and that cannot be, or `pack_tokens` is too small for a single item.
    """
    if config.pack == "off":
        return Drawn(items, config.batch_size, "rows, a solution each: pack is off")
    if config.head == "probe":
        return Drawn(items, config.batch_size, "rows, a solution each, as a probe reads them")
    try:
        _refuse_parts(device)
        network.to(device)
        refuse_unpackable(network)
    except ConfigError as error:
        if config.pack == "on":
            raise
        return Drawn(items, config.batch_size, f"rows, a solution each: {error.message}")
    packs, saved = packs_of(items, config)
    blocks = network.config._attn_implementation == "flex_attention"
    rows = work_in_rows((len(each.ids) for item in items for each in item.sequences), blocks=blocks)
    trees = work_in_packs((each.layout for each in packs), blocks=blocks)
    factor = multiplications(network, rows) / multiplications(network, trees)
    if config.pack == "auto" and factor < _WORTH:
        why = f"packed, they would take {factor:.2f} times fewer multiplications, and {_WORTH} is the least"
        return Drawn(items, config.batch_size, f"rows, a solution each: {why}")
    together = max(1, round(config.batch_size * len(packs) / len(items)))
    return Drawn(
        packs, together, f"{len(packs):,} packs: {saved}; {factor:.2f} times fewer multiplications", saved
    )


def packs_of(items: Sequence[Item], config: PrmConfig) -> tuple[list[Pack], Saving]:
    """Items as packs of `pack_tokens` at most, unset what `batch_size` of them take on the mean, and the saving.

    Raises:
        ConfigError: If a single item has more tokens than that.
    """
    paths = [[each.ids for each in item.sequences] for item in items]
    trees = [item.tree for item in items]
    most = config.pack_tokens or _usual_length(paths, config.batch_size)
    chosen = fill_packs(paths, trees, most)
    packs = [
        Pack(tuple(items[at] for at in pack), lay_out([path for at in pack for path in paths[at]]))
        for pack in chosen
    ]
    return packs, saving(paths, chosen)


def _usual_length(paths: Sequence[Sequence[Sequence[int]]], batch_size: int) -> int:
    mean = saving(paths, ()).unique_tokens / len(paths)
    longest = 0
    for item in paths:
        tree = TokenTree()
        tree.add(item)
        longest = max(longest, len(tree))
    return max(longest, math.ceil(batch_size * mean))


def _refuse_parts(device: torch.device) -> None:
    """Raise `ConfigError` where no process has the whole network, so that it cannot be tried before training."""
    launched = (os.environ.get(f"ACCELERATE_USE_{name}", "").lower() for name in ("FSDP", "DEEPSPEED"))
    if any(each in ("1", "true") for each in launched):
        raise ConfigError(
            "packing is not there for weights that are sharded over processes", hint="set pack to off"
        )
    if torch.cuda.device_count() > 1 and not torch.distributed.is_initialized() and device.type == "cuda":
        raise ConfigError(
            "packing needs a process for each GPU", hint="start it by torchrun, or show it one GPU"
        )
