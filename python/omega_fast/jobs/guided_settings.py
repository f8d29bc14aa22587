"""The settings of a guided search out of what is named for it and of the settings that every run has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from omega_fast._core import step_cuts
from omega_fast.config import LEDGER, AnnotateConfig
from omega_fast.config.sources import Source, check_names
from omega_fast.errors import ConfigError
from omega_fast.models.aggregate import AGGREGATIONS
from omega_fast.records import StepScorer
from omega_fast.search.guided import GuidedSettings

__all__ = ["SEARCH_NAMES", "guided_identity", "guided_settings", "run_overrides"]

_FROM_RUN = ("separator", "max_new_tokens", "c_puct", "alpha", "beta", "length_scale")

SEARCH_NAMES: tuple[str, ...] = tuple(
    each.name for each in fields(GuidedSettings) if each.name not in _FROM_RUN
)
"""What is set for the search itself; the rest are settings of every run."""

_LEDGER_END = "^answer "


def run_overrides(given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a run with those that guided search makes no use of out of the way of others."""
    return {**given, "num_rollouts": 1, "root_rollouts": 0, "gold": "given", "solutions": "ignore"}


def guided_settings(
    config: AnnotateConfig,
    given: Mapping[str, Any],
    scorer: StepScorer | str | None,
    *,
    given_from: str = "keywords",
) -> GuidedSettings:
    """The search. An aggregation that is not given is the one that comes with the scorer, or else `last`.

    Args:
        config: The run; its separator, longest solution and OmegaPRM's constants count here too.
        given: Settings by name, of `SEARCH_NAMES`; `None` among them counts as not given.
        scorer: What is to guide it, or its name where it is not open yet and its aggregation does not matter.
        given_from: What an error calls the source of `given`.

    Raises:
        ConfigError: A name is no setting, a value cannot work, or steps cannot be proposed as the run splits them.
    """
    named = {name: value for name, value in given.items() if value is not None}
    check_names(Source(given_from, named), SEARCH_NAMES)
    if config.question_file == LEDGER:
        named.setdefault("end_pattern", _LEDGER_END)
    card = getattr(scorer, "card", None)
    if named.get("aggregation") in (None, "auto"):
        own = getattr(card, "aggregation", None)
        named["aggregation"] = own if own in AGGREGATIONS else "last"
    settings = GuidedSettings(**{name: getattr(config, name) for name in _FROM_RUN}, **named)
    if settings.by_steps and (config.split_pattern is not None or config.split_tokens is not None):
        raise ConfigError(
            f"{settings.method} proposes steps, which end in a text that the engine stops at",
            hint="set separator instead of split_pattern or split_tokens, or use best_of_n or omega",
        )
    step_cuts(config.core_config(), "")  # what is wrong with the split is told before a model is loaded
    if scorer is None and settings.method != "best_of_n":
        raise ConfigError(
            f"{settings.method} needs a process reward model", hint="name one with --prm, or use best_of_n"
        )
    return settings


def guided_identity(config: AnnotateConfig, settings: GuidedSettings) -> dict[str, Any]:
    """What decides a guided run, as JSON values; a budget may grow."""
    search = {name: value for name, value in asdict(settings).items() if name != "token_budget"}
    base = config.identity()
    shared = (
        "seed",
        "ledger_split",
        "ledger_skin",
        "chat",
        "chat_options",
        "system_prompt",
        "prompt_template",
        "stop",
    )
    sampling = ("max_new_tokens", "temperature", "top_k", "top_p")
    steps = ("separator", "split_pattern", "split_tokens")
    return {"job": "guided", "search": search, **{name: base[name] for name in (*shared, *sampling, *steps)}}
