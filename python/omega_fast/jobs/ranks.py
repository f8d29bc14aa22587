"""The processes that torchrun starts for one job: which one this is, and a place where all wait for each other."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from omega_fast.errors import ConfigError

__all__ = ["Ranks", "ranks"]

_PATIENCE = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Ranks:
    """This process among those of the job.

    Attributes:
        rank: From 0; this one writes the results.
        size: How many there are.
    """

    rank: int = 0
    size: int = 1

    def wait_for_all(self) -> None:
        """Return once every process has called this; torchrun ends the others if one dies."""
        if self.size > 1:
            import torch.distributed as dist  # noqa: PLC0415 - one process needs no torch

            dist.barrier()


@contextlib.contextmanager
def ranks() -> Iterator[Ranks]:
    """The processes that `RANK` and `WORLD_SIZE` tell of, joined over gloo while the block lasts; one without them.

    Raises:
        ConfigError: The two are no such numbers.
    """
    said = os.environ.get("RANK", "0"), os.environ.get("WORLD_SIZE", "1")
    if not all(each.isascii() and each.isdigit() for each in said) or int(said[0]) >= int(said[1]):
        raise ConfigError(
            f"RANK={said[0]} and WORLD_SIZE={said[1]} name no process of a job",
            hint="start it with torchrun, or unset both",
        )
    here = Ranks(int(said[0]), int(said[1]))
    if here.size == 1:
        yield here
        return
    import torch.distributed as dist  # noqa: PLC0415 - one process needs no torch

    dist.init_process_group("gloo", timeout=_PATIENCE)
    try:
        yield here
    finally:
        dist.destroy_process_group()
