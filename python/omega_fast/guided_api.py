"""The Python interface of guided search: one question in one call, a set in one call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from threading import Event
from typing import Any

from omega_fast import jobs
from omega_fast.api import question_from_row
from omega_fast.backends.base import Backend
from omega_fast.config import EMBEDDED_POLICY, GUIDED_PRESETS, LEDGER, AnnotateConfig, resolve
from omega_fast.guided_summary import GuidedProgress, GuidedSummary, Solved
from omega_fast.jobs.guided_settings import SEARCH_NAMES, run_overrides
from omega_fast.records import Question, StepScorer

__all__ = ["guided_search", "solve"]

_GIVEN = "(given)"
"""Stands in the configuration for questions that were handed over as objects."""


def solve(
    problem: str,
    *,
    prm: str | StepScorer | None = None,
    model: str | Backend = EMBEDDED_POLICY,
    on_progress: Callable[[GuidedProgress], None] | None = None,
    stop: Event | None = None,
    **settings: Any,
) -> Solved:
    """Search one question for a solution under a process reward model, and keep everything in memory.

    Args:
        problem: The question.
        prm: A checkpoint, `module:function`, or an object with `score_many`; `method="best_of_n"` can do without.
        model: Name or folder of a Hugging Face model, `ledger-policy` for the shipped one, or an open engine.
        on_progress: Told a few times a second how far it is, with the best lines so far.
        stop: Once set, the search ends.
        settings: Of the search (`method`, `n`, `beam_width`, ..., as `omega solve` has them) and of every run.

    Raises:
        ConfigError: A setting is unknown or cannot work.
        OmegaError: As `omega_fast.jobs.solve` says.

    >>> found = solve(                                                      # doctest: +SKIP
    ...     "x is 1 . y is 2 . a y add 3 . b x add y . ?", prm="out/prm", method="beam", n=8
    ... )
    >>> found.answer                                                        # doctest: +SKIP
    '6 5'
    """
    questions = LEDGER if model == EMBEDDED_POLICY else _GIVEN
    config, search, engine = _configured(model, {"question_file": questions, **settings})
    return jobs.solve(config, search, problem, scorer=prm, backend=engine, on_progress=on_progress, stop=stop)


def guided_search(
    questions: str | Path | Iterable[Question | Mapping[str, Any]],
    *,
    output_dir: str | Path,
    prm: str | StepScorer | None = None,
    model: str | Backend | None = None,
    on_progress: Callable[[GuidedProgress], None] | None = None,
    stop: Event | None = None,
    **settings: Any,
) -> GuidedSummary:
    """Search a set of questions under a process reward model; the same call resumes.

    Args:
        questions: A file, `ledger` for the embedded task, or `Question` objects, or what one line of a question file
            parses to.
        output_dir: The run directory, with `rows.jsonl` and `results.json`.
        prm: As in `solve`.
        model: As in `solve`; by default what the settings say.
        on_progress: Told a few times a second how far it is.
        stop: Once set, the run drains and returns, incomplete and resumable.
        settings: As in `solve`.

    Raises:
        ConfigError: A setting is unknown or cannot work.
        OmegaError: As `omega_fast.jobs.eval_guided` says.
    """
    given = None if isinstance(questions, str | Path) else [question_from_row(each) for each in questions]
    asked = {
        "question_file": str(questions) if given is None else _GIVEN,
        "output_dir": Path(output_dir),
        **settings,
    }
    config, search, engine = _configured(model, asked)
    return jobs.eval_guided(
        config, search, scorer=prm, questions=given, backend=engine, on_progress=on_progress, stop=stop
    )


def _configured(
    model: str | Backend | None, settings: Mapping[str, Any]
) -> tuple[AnnotateConfig, dict[str, Any], Backend | None]:
    """The run, the search, and the engine if it is open already."""
    usual = GUIDED_PRESETS.get(settings.get("preset") or "", {})
    search = {**usual, **{name: value for name, value in settings.items() if name in SEARCH_NAMES}}
    run = {name: value for name, value in settings.items() if name not in SEARCH_NAMES}
    preset, recipe = run.pop("preset", None), run.pop("recipe", None)
    if isinstance(model, str):
        run["model_name"] = model
    elif model is not None:
        run.setdefault(
            "model_name", EMBEDDED_POLICY
        )  # a name is asked for; the engine is the one that is given
    config = resolve(preset=preset, recipe=recipe, overrides=run_overrides(run))
    return config, search, None if isinstance(model, str) else model
