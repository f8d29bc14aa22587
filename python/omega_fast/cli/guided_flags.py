"""The flags of guided search: the search, the scorer, and of a run's settings those that matter to it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from omega_fast.cli.checked import checked, without_files
from omega_fast.cli.outcome import Outcome
from omega_fast.cli.scorer_flags import ScorerFlags, prm_flags, scorer_of
from omega_fast.cli.settings_flags import flag, preset_flags
from omega_fast.config import (
    EMBEDDED_POLICY,
    GUIDED_PRESETS,
    LEDGER,
    AnnotateConfig,
    Setting,
    resolve,
    settings_of,
)
from omega_fast.config.guided_names import PublishedSearch, method_named, read_search_config
from omega_fast.config.sources import from_text

__all__ = ["GuidedFlags", "with_guided_flags"]

_GROUP = "Guided search"
_OF_SEARCH = {"seed", "alpha", "beta", "length_scale", "c_puct"}
_LEFT_OUT = {
    "gold", "no_answer", "truncated", "split_thought", "spend", "speculation", "save_data_tree", "log_file_prefix",
}  # fmt: skip

_GIVEN = "(given)"
_OF_SETS = {"output_dir", "max_open"}
_PROPOSED = "number_of_proposed_steps"
_METHODS = "greedy|best_of_n|beam|dvts|mcts|omega"


@dataclass(frozen=True, slots=True)
class GuidedFlags:
    """What a command line says: the run, the search by its settings' names, the scorer, and what is to be told."""

    config: AnnotateConfig
    search: Mapping[str, Any]
    scorer: ScorerFlags
    warnings: tuple[str, ...]


def _option(kind: Any, name: str, metavar: str, meaning: str, *spelt: str) -> inspect.Parameter:
    option = typer.Option(*spelt, metavar=metavar, help=meaning, show_default=False, rich_help_panel=_GROUP)
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option]
    )


_SEARCH = (
    _option(
        str,
        "method",
        f"[{_METHODS}]",
        "How solutions are searched for (default: beam)",
        "--method",
        "--approach",
    ),
    _option(
        int,
        "n",
        "INTEGER",
        "Solutions, candidates a round of beam and dvts, or simulations of mcts (default: 16)",
        "--n",
        "-n",
    ),
    _option(int, "beam_width", "INTEGER", "Steps proposed for each prefix (default: 4)"),
    _option(int, _PROPOSED, "INTEGER", "The same, and greedy as the method unless one is named"),
    _option(
        int,
        "max_steps",
        "INTEGER",
        "Steps proposed one by one; the rest is written in one go (default: 40)",
        "--max-steps",
        "--num-iterations",
    ),
    _option(
        int, "lookahead", "INTEGER", "Greedy steps beyond a candidate that are scored with it (default: 0)"
    ),
    _option(
        str,
        "aggregation",
        "[auto|last|min|prod|mean|sum_logits]",
        "How step scores become one; auto is the scorer's own, or last (default: auto)",
        "--aggregation",
        "--agg-strategy",
    ),
    _option(
        bool,
        "filter_duplicates",
        "",
        "Keep equal prefixes once (default: on)",
        "--filter-duplicates/--no-filter-duplicates",
    ),
    _option(
        int,
        "token_budget",
        "INTEGER",
        "Generated tokens a question may take; it is searched again until they are spent",
    ),
    _option(str, "end_pattern", "REGEX", r"What the last step of a solution looks like, such as '\\boxed'"),
    _option(float, "threshold", "NUMBER", "Score below which omega takes a step for wrong (default: 0.5)"),
    _option(int, "in_flight", "INTEGER", "Leaves of mcts worked on at once (default: 4)"),
    _option(float, "widen", "NUMBER", "Exponent of progressive widening of mcts; 0 for none (default: 0)"),
)

_CONFIG_FILE = inspect.Parameter(
    "search_config",
    inspect.Parameter.KEYWORD_ONLY,
    default=None,
    annotation=Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Settings in YAML, TOML or JSON, under flags; search-and-learn's names are known.",
            show_default=False,
            rich_help_panel=_GROUP,
        ),
    ],
)


def with_guided_flags(function: Callable[..., Outcome], *, over_a_set: bool) -> Callable[..., Outcome]:
    """`function(flags, ...)` as one that takes all these flags instead of `flags: GuidedFlags`.

    Args:
        function: The command; over a set, its argument `questions` is the question file, if it is given.
        over_a_set: Whether it takes a set of questions and an output folder, or a single question.
    """
    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    scorer = prm_flags()
    run = [
        flag(each, {"-n"}) for each in settings_of(AnnotateConfig) if _matters(each, over_a_set=over_a_set)
    ]

    def read(
        *, preset: str | None, recipe: Path | None, search_config: Path | None, **given: Any
    ) -> tuple[GuidedFlags, dict[str, Any]]:
        from omega_fast.jobs.guided_settings import SEARCH_NAMES, run_overrides  # noqa: PLC0415 - it loads the core

        others = {each.name: given.pop(each.name) for each in own}
        named = scorer_of(given)
        search = {each.name: given.pop(each.name) for each in _SEARCH}
        search = {name: value for name, value in search.items() if value is not None}
        published = (
            PublishedSearch({}, {}, None, ())
            if search_config is None
            else read_search_config(search_config, SEARCH_NAMES)
        )
        if _PROPOSED in search:
            search = {"method": "greedy", "beam_width": search.pop(_PROPOSED), **search}
        if "method" in search:
            search["method"] = method_named(search["method"])
        said = {name: value for name, value in given.items() if value is not None and value != []}
        overrides = {**published.run, **from_text(said)}
        if others.get("questions") is not None:
            overrides["question_file"] = str(others["questions"])
        elif recipe is None and overrides.get("model_name", EMBEDDED_POLICY) == EMBEDDED_POLICY:
            overrides.setdefault("question_file", LEDGER)
        elif not over_a_set:
            overrides["question_file"] = _GIVEN
        config = resolve(
            preset, recipe, overrides=run_overrides(overrides), overrides_from="the command line"
        )
        if named.prm is None and published.prm is not None:
            named = ScorerFlags(published.prm, named.shape, named.options)
        usual = GUIDED_PRESETS.get(preset or "", {})
        flags = GuidedFlags(config, {**usual, **published.search, **search}, named, published.warnings)
        return flags, others

    @wraps(function)
    def with_flags(**arguments: Any) -> Outcome:
        flags, others = read(**arguments)
        return function(flags, **others)

    def check(**arguments: Any) -> None:
        from omega_fast.jobs.guided_settings import guided_settings  # noqa: PLC0415 - it loads the core

        known = without_files(arguments)
        if known is not None:
            flags, _ = read(**known)
            guided_settings(flags.config, flags.search, flags.scorer.prm)

    parameters = [*own, *_SEARCH, _CONFIG_FILE, *scorer, *preset_flags(), *run]
    with_flags.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in parameters]
    )
    return checked(with_flags, check)


def _matters(setting: Setting, *, over_a_set: bool) -> bool:
    if setting.name in _OF_SETS or setting.group == "Questions":
        return over_a_set
    if setting.group == "Search":
        return setting.name in _OF_SEARCH
    return setting.group != "Budget per question" and setting.name not in _LEFT_OUT
