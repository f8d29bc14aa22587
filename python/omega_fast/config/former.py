"""Defaults that have changed, and the runs that were started with what they were."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omega_fast.config.schema import AnnotateConfig

__all__ = ["FORMER_DEFAULTS", "as_started"]

FORMER_DEFAULTS: Mapping[str, Any] = {"locate": "binary", "searches_at_once": 1}
"""What settings that decide labels were by default before, or what was done before there was such a setting."""


def as_started(config: AnnotateConfig, identity: Mapping[str, Any]) -> tuple[AnnotateConfig, tuple[str, ...]]:
    """The configuration with which a run goes on that was started under former defaults, and what was kept.

    The command that started it names no such setting, and still resumes it; one that names it is taken at its word.

    Args:
        config: What is asked for.
        identity: The run's, as its manifest has it.
    """
    kept: list[str] = []
    given = config.model_fields_set
    for name, before in FORMER_DEFAULTS.items():
        now = config.identity()[name]
        if name not in given and identity.get(name, before) == before != now:
            config = config.model_copy(update={name: before})
            kept.append(
                f"{name} is {before} in this run, as was usual when it was started; by default it is {now} now"
            )
    return config, tuple(kept)
