"""Configurations of published guided search, read as settings: search-and-learn's YAML and names of other programs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omega_fast.config.fields import settings_of
from omega_fast.config.schema import AnnotateConfig
from omega_fast.config.sources import Source, check_names, read_mapping
from omega_fast.errors import ConfigError

__all__ = ["APPROACHES", "PublishedSearch", "method_named", "read_search_config"]

APPROACHES: Mapping[str, str] = {"beam_search": "beam", "best-of-n": "best_of_n", "bon": "best_of_n"}
"""Other names of methods."""

_SEARCH = {
    "approach": "method",
    "num_iterations": "max_steps",
    "agg_strategy": "aggregation",
    "number_of_proposed_steps": "beam_width",
}
_RUN = {
    "model": "model_name",
    "model_path": "model_name",
    "max_tokens": "max_new_tokens",
    "num_samples": "limit",
    "search_batch_size": "max_open",
}
_SCORER = {"prm": "prm", "prm_path": "prm", "PRM": "prm"}
_WITHOUT_MEANING = {
    "apply_voting",
    "prm_batch_size",
    "sort_completed",
    "num_proc",
    "push_to_hub",
    "hub_dataset_id",
    "hub_dataset_private",
    "overwrite_hub_revision",
    "dataset_config",
    "dataset_split",
    "gpu_memory_utilization",
    "custom_chat_template",
    "dataset_start",
    "dataset_end",
    "dataset_name",
}
_TOLD = {
    "custom_chat_template": "the model's own chat template is used",
    "dataset_name": "give the questions as a file",
    "dataset_start": "all questions of the file are used, or --limit",
    "dataset_end": "all questions of the file are used, or --limit",
    "gpu_memory_utilization": "set engine_args for vllm",
    "push_to_hub": "nothing is uploaded",
}


@dataclass(frozen=True, slots=True)
class PublishedSearch:
    """A configuration by our names.

    Attributes:
        search: Settings of the search.
        run: Settings of the run.
        prm: The scorer, if it names one.
        warnings: What of it has no counterpart, in words.
    """

    search: Mapping[str, Any]
    run: Mapping[str, Any]
    prm: str | None
    warnings: tuple[str, ...]


def method_named(name: str) -> str:
    """A method by our name for it.

    >>> method_named("beam_search"), method_named("dvts")
    ('beam', 'dvts')
    """
    return APPROACHES.get(name, name)


def read_search_config(path: Path, search_names: Collection[str]) -> PublishedSearch:
    """A YAML, TOML or JSON file with search-and-learn's names, our own, or both.

    A file that has `number_of_proposed_steps` and no method means `greedy`, another with published names `best_of_n`,
    as those programs do.

    Args:
        path: The file.
        search_names: Our names of settings of the search.

    Raises:
        ConfigError: It cannot be read, or a name in it is known to nobody.
    """
    content = {name.replace("-", "_"): value for name, value in read_mapping(path).items()}
    source = f"search configuration {path}"
    run_names = {each.name for each in settings_of(AnnotateConfig)}
    known = {*_SEARCH, *_RUN, *_SCORER, *_WITHOUT_MEANING, *search_names, *run_names}
    check_names(Source(source, content), known)
    search: dict[str, Any] = {}
    run: dict[str, Any] = {}
    prm: str | None = None
    for name, value in content.items():
        if value is None or name in _WITHOUT_MEANING:
            continue
        if name in _SCORER:
            prm = str(value)
        elif name in _SEARCH or name in search_names:
            _set(search, _SEARCH.get(name, name), value, source)
        else:
            _set(run, _RUN.get(name, name), value, source)
    if "method" in search:
        search["method"] = method_named(str(search["method"]))
    elif "number_of_proposed_steps" in content:
        search["method"] = "greedy"
    elif content.keys() & {*_SEARCH, *_RUN, *_WITHOUT_MEANING}:
        search["method"] = "best_of_n"
    warnings = tuple(
        f"{name} of {path.name} has no counterpart: {_TOLD[name]}"
        for name in content
        if name in _TOLD and content[name] not in (None, False)
    )
    return PublishedSearch(search, run, prm, warnings)


def _set(settings: dict[str, Any], name: str, value: Any, source: str) -> None:
    if name in settings and settings[name] != value:
        raise ConfigError(f"{source} sets {name} twice, under two names", hint="keep one of them")
    settings[name] = value
