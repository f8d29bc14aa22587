"""Defaults that have changed, and the runs that were started with what they were."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omega_fast.config.schema import AnnotateConfig

__all__ = ["FORMER_DEFAULTS", "as_started"]

FORMER_DEFAULTS: Mapping[str, Any] = {"locate": "binary"}
"""What a setting that decides labels was by default before."""


def as_started(config: AnnotateConfig, identity: Mapping[str, Any]) -> tuple[AnnotateConfig, tuple[str, ...]]:
    """The configuration with which a run goes on that was started under a former default, and what was kept.

    The command that started it names no such setting, and still resumes it; one that names it is taken at its word.

    Args:
        config: What is asked for.
        identity: The run's, as its manifest has it.
    """
    kept = {
        name: before
        for name, before in FORMER_DEFAULTS.items()
        if name not in config.model_fields_set and identity.get(name) == before != getattr(config, name)
    }
    said = tuple(
        f"{name} is {before} in this run, which was the default when it was started; it is {getattr(config, name)} now"
        for name, before in kept.items()
    )
    return (config.model_copy(update=kept) if kept else config), said
