"""What can be tuned of each engine: settings that change how fast tokens come, and no label."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any

from omega_fast.backends.vllm_arguments import BATCHED_TOKENS
from omega_fast.config import AnnotateConfig
from omega_fast.errors import ConfigError

__all__ = ["Axis", "axes_of"]

_FACTORS = (0.25, 0.5, 1, 2, 4)


@dataclass(frozen=True, slots=True)
class Axis:
    """A setting and the values to compare, the one in force first.

    Attributes:
        name: Of the setting, or of vLLM's argument.
        values: What is tried; `None` leaves it to the engine.
        argument: Whether it is one of vLLM's own, inside `engine_args`.
    """

    name: str
    values: tuple[Any, ...]
    argument: bool = False

    def near_by(self) -> Axis:
        """The same with the value in force and its neighbours alone, where it is a number."""
        in_force = self.values[0]
        if in_force is None:
            return self
        lower = [value for value in self.values if value < in_force]
        higher = [value for value in self.values if value > in_force]
        return replace(self, values=(in_force, *lower[-1:], *higher[:1]))

    def change(self, config: AnnotateConfig, value: Any) -> dict[str, Any]:
        """The setting to change for a value; nothing for one that is left to the engine."""
        if value is None:
            return {}
        return (
            {"engine_args": {**config.engine_args, self.name: value}} if self.argument else {self.name: value}
        )


def axes_of(config: AnnotateConfig) -> list[Axis]:
    """The axes of a configuration's engine, in the order in which they are tried.

    Precision is not among them: it is part of the policy's fingerprint. Neither is `gpu_memory_utilization`: how much
    memory others need is not measured here.

    Raises:
        ConfigError: If the engine has nothing to tune.
    """
    if config.model_type == "recorded":
        raise ConfigError(
            "the recorded engine plays back: there is nothing to tune",
            hint="name an engine with --model-type: hf, vllm or openai",
        )
    slots = Axis(
        "slots", _in_force_first(config.slots, [max(1, int(config.slots * each)) for each in _FACTORS])
    )
    if config.model_type == "openai":
        return [slots]
    if config.model_type == "vllm":
        given = config.engine_args.get("max_num_batched_tokens")
        around = given or BATCHED_TOKENS
        return [slots, Axis("max_num_batched_tokens", (given, around // 2, 2 * around), argument=True)]
    return [slots, Axis("threads", _threads(config.threads))]


def _threads(asked: int | None) -> tuple[int, ...]:
    """CPU threads: what is in force, one, half of the cores, all of them."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if asked is None:
        import torch  # noqa: PLC0415 - only this engine has it

        asked = int(torch.get_num_threads())
    return _in_force_first(asked, [1, max(1, cores // 2), cores])


def _in_force_first(value: int, others: list[int]) -> tuple[int, ...]:
    return (value, *sorted(set(others) - {value}))
