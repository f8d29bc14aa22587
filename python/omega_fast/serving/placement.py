"""Which GPUs a model gets, and which share of their memory."""

from __future__ import annotations

import os
import re
import subprocess
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from omega_fast.errors import ConfigError
from omega_fast.serving.settings import ModelSettings, Part

__all__ = ["Placement", "place", "visible_gpus"]

_DEVICES = "CUDA_VISIBLE_DEVICES"
_SHARED = 0.9
"""What two models on a GPU take together, unless told otherwise."""
_LEAST = 0.01


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a model runs.

    Attributes:
        gpus: Numbers of its GPUs among the visible ones; empty for the CPU.
        devices: The same as `CUDA_VISIBLE_DEVICES` names them.
        memory: Share of each one's memory; `None` leaves it to vLLM.
        missing: What is asked for and not there, in words.
    """

    gpus: tuple[int, ...]
    devices: tuple[str, ...]
    memory: float | None
    missing: str = ""


def visible_gpus(env: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The GPUs this process may use, as `CUDA_VISIBLE_DEVICES` would name them; none without NVIDIA's driver.

    As CUDA reads that variable, it ends at the first name that is no GPU.
    """
    present = _present()
    allowed = (os.environ if env is None else env).get(_DEVICES)
    if allowed is None or not present:
        return tuple(str(number) for number in range(len(present)))
    visible: list[str] = []
    for name in map(str.strip, allowed.split(",")):
        number_is_there = name.isdecimal() and int(name) < len(present)
        if not (
            number_is_there or (name and any(uuid.startswith(name) for uuid in present)) or "MIG-" in name
        ):
            break
        visible.append(name)
    return tuple(visible)


def _present() -> list[str]:
    """The UUIDs of the machine's GPUs, in order; empty texts where they cannot be told."""
    try:
        listed = subprocess.run(
            ["nvidia-smi", "--query-gpu=uuid", "--format=csv,noheader"],  # noqa: S607 - wherever it is installed
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ["" for path in Path("/dev").glob("nvidia*") if re.fullmatch(r"nvidia\d+", path.name)]
    return [line.strip() for line in listed.stdout.splitlines() if line.strip()]


def place(models: Mapping[Part, ModelSettings], visible: tuple[str, ...]) -> dict[Part, Placement]:
    """A place for each model: the GPUs it names, or the first that are free.

    If two models do not fit side by side they share; without GPUs, they run on the CPU.

    Raises:
        ConfigError: The memory shares of models on one GPU, or on the CPU, add up to more than 1.
    """
    gpus = _chosen(models, len(visible))
    shares = _shares(models, gpus)
    return {
        part: Placement(
            gpus=gpus[part],
            devices=tuple(visible[each] if each < len(visible) else str(each) for each in gpus[part]),
            memory=shares[part],
            missing=_missing(part, gpus[part], len(visible)),
        )
        for part in models
    }


def _chosen(models: Mapping[Part, ModelSettings], n_visible: int) -> dict[Part, tuple[int, ...]]:
    chosen = {part: model.gpus for part, model in models.items() if model.gpus is not None}
    taken = {number for numbers in chosen.values() for number in numbers}
    for part, model in models.items():
        if model.gpus is not None:
            continue
        wanted = model.tensor_parallel_size
        for name in ("pipeline_parallel_size", "data_parallel_size"):
            wanted *= int(model.engine_args.get(name, 1))
        free = [number for number in range(n_visible) if number not in taken]
        numbers = tuple(free[:wanted]) if len(free) >= wanted else tuple(range(wanted))
        if not n_visible and wanted == 1:
            numbers = ()
        chosen[part] = numbers
        taken.update(numbers)
    return chosen


def _shares(
    models: Mapping[Part, ModelSettings], gpus: Mapping[Part, tuple[int, ...]]
) -> dict[Part, float | None]:
    places = {part: gpus[part] or (-1,) for part in models}
    load = Counter(place for each in places.values() for place in each)
    for place in sorted(load):
        there = {part: models[part].memory for part in models if place in places[part]}
        total = sum(share for share in there.values() if share is not None)
        if total > 1 + 1e-9:
            said = " and ".join(f"{part} {share:g}" for part, share in there.items() if share is not None)
            where = "the CPU" if place < 0 else f"GPU {place}"
            raise ConfigError(
                f"memory shares on {where} add up to {total:g}: {said}",
                hint="lower one of --policy-memory and --reward-memory, or give the models GPUs of their own",
            )
    shares: dict[Part, float | None] = {}
    for part, model in models.items():
        shares[part] = model.memory
        others = [other for other in models if other != part and set(places[other]) & set(gpus[part])]
        if model.memory is None and others:
            known = [models[other].memory for other in others]
            left = (_SHARED - known[0]) if known[0] is not None else _SHARED / (1 + len(others))
            if left < _LEAST:
                raise ConfigError(
                    f"{part}: {others[0]} leaves no memory on the GPU they share",
                    hint=f"lower --{others[0]}-memory, or give the models GPUs of their own",
                )
            shares[part] = round(left, 4)
    return shares


def _missing(part: Part, gpus: tuple[int, ...], n_visible: int) -> str:
    beyond = [number for number in gpus if number >= n_visible]
    if not beyond:
        return ""
    there = f"{n_visible} are visible, counted from 0" if n_visible else "none is visible"
    return f"{part}: there is no GPU {', '.join(map(str, beyond))}: {there}"
