"""The Python interface: a run in one call, one question in one call."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

from omega_fast import jobs
from omega_fast.backends.base import Backend
from omega_fast.config import resolve
from omega_fast.errors import ConfigError, InputError
from omega_fast.records import Question
from omega_fast.search.projection import read_artifacts
from omega_fast.store.artifacts import Artifacts
from omega_fast.store.formats import SAMPLES, ExportOptions, Sample
from omega_fast.summary import Progress, RunSummary, WhatIfSummary
from omega_fast.tasks.base import Limits, RecordError
from omega_fast.tasks.jsonl import JsonlReader
from omega_fast.tasks.read import stable_id

__all__ = [
    "Finding",
    "Run",
    "annotate",
    "annotate_async",
    "omega_prm",
    "open_run",
    "question_from_row",
    "what_if",
]

_GIVEN = "(given)"
"""Stands in the configuration for questions that were handed over as objects."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run directory and what it holds.

    Attributes:
        path: The run directory.
        summary: Its counts.
    """

    path: Path
    summary: RunSummary

    def artifacts(self) -> Iterator[Artifacts]:
        """The tree, rollouts and searches of every finished question, in the order of the questions."""
        return read_artifacts(self.path)

    def labels(self) -> Iterator[Sample]:
        """Every labelled state as one row with its counts: prefix, step, soft and hard label."""
        options = ExportOptions(seed=jobs.run_config(self.path).seed)
        for each in self.artifacts():
            yield from SAMPLES.project(each, options)

    def export(self, format: str, output: Path | str | None = None) -> Path:  # noqa: A002 - as on the command line
        """Write the labels in a format, a key of `FORMATS`. Raises like `omega export`."""
        return jobs.export(self.path, format=format, output=None if output is None else Path(output)).path


@dataclass(frozen=True, slots=True)
class Finding:
    """What a search on one question found.

    Attributes:
        artifacts: Everything: tree, rollouts, searches.
    """

    artifacts: Artifacts

    @property
    def solution(self) -> list[str]:
        """The first solution in which an error was located, as steps up to the error; empty if there is none."""
        located = self._first_located
        return [] if located is None else [node.step for node in self.artifacts.path(located)]

    @property
    def first_error(self) -> str | None:
        """The step of `solution` that goes wrong; `None` if no error was located."""
        return self.solution[-1] if self.solution else None

    @property
    def labels(self) -> list[Sample]:
        """Every labelled state as one row: prefix, step, soft and hard label, counts."""
        return list(SAMPLES.project(self.artifacts, ExportOptions()))

    def tree(self) -> str:
        """The states that carry a label as indented text: MC, counts, step."""
        lines = []
        for node in self.artifacts.nodes:
            if node.hard is not None:
                mc = "  -  " if node.mc is None else f"{node.mc:5.2f}"
                sign = "+" if node.hard else "-"
                step = node.step.strip() or "(question)"
                lines.append(f"{sign} {mc} {node.n_correct:3}/{node.n_rollouts:<3} {'  ' * node.depth}{step}")
        return "\n".join(lines)

    @property
    def _first_located(self) -> int | None:
        found = (search.error_node for search in self.artifacts.searches)
        return next((node for node in found if node is not None), None)


def annotate(
    questions: str | Path | Iterable[Question | Mapping[str, Any]],
    *,
    output_dir: str | Path,
    model: Backend | None = None,
    preset: str | None = None,
    recipe: str | Path | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    stop: Event | None = None,
    **settings: Any,
) -> Run:
    """Find the first errors of a policy's solutions and label their steps. The same call resumes.

    Args:
        questions: A file, `ledger` for the embedded task, or `Question` objects, or what one line of a question file
            parses to.
        output_dir: The run directory.
        model: An engine that is open already, instead of the settings `model_name` and `model_type`.
        preset: `openr`, `paper`, `ledger` or `auto`.
        recipe: A YAML or TOML file of settings.
        on_progress: Told a few times a second how far the run is.
        stop: Once set, the run drains and returns, incomplete and resumable.
        settings: Any setting of `omega annotate`, e.g. `num_rollouts=8`.

    Raises:
        ConfigError: If a setting is unknown or cannot work.
        OmegaError: As `omega_fast.jobs.annotate` says.
    """
    given = None if isinstance(questions, str | Path) else [question_from_row(each) for each in questions]
    overrides = {
        "question_file": str(questions) if given is None else _GIVEN,
        "output_dir": Path(output_dir),
        **settings,
    }
    config = resolve(preset=preset, recipe=None if recipe is None else Path(recipe), overrides=overrides)
    summary = jobs.annotate(config, questions=given, backend=model, on_progress=on_progress, stop=stop)
    return Run(Path(output_dir), summary)


async def annotate_async(
    questions: str | Path | Iterable[Question | Mapping[str, Any]],
    *,
    output_dir: str | Path,
    **settings: Any,
) -> Run:
    """`annotate` without blocking the event loop; cancelling it drains the run, which stays resumable."""
    stop = settings.pop("stop", None) or Event()
    work = asyncio.create_task(
        asyncio.to_thread(annotate, questions, output_dir=output_dir, stop=stop, **settings)
    )
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait([work])
        raise


def omega_prm(
    question: str,
    golden_answers: str | Mapping[str, str],
    model: str | Backend,
    **settings: Any,
) -> Finding:
    """Search one question for first errors, as OmegaPRM (arXiv 2406.06592) does, and keep everything in memory.

    How an error is located is `locate`; with "binary" it is as published.

    Args:
        question: The problem.
        golden_answers: Its right answer, or answers by question.
        model: Name or folder of a Hugging Face model, `ledger-policy` for the shipped one, or an open engine.
        settings: Any setting of `omega annotate`.

    Raises:
        InputError: If `golden_answers` lacks the question, or the question does not fit the model.
        OmegaError: As `omega_fast.jobs.annotate` says.

    >>> golden_answers = {"x is 1 . y is 2 . a y add 3 . b x add y . ?": "6 5"}
    >>> finding = omega_prm(*golden_answers, golden_answers, "ledger-policy", preset="ledger")
    >>> finding.artifacts.counts.rollouts >= 16
    True
    """
    answer = golden_answers if isinstance(golden_answers, str) else golden_answers.get(question)
    if answer is None:
        raise InputError(f"golden_answers has no answer to {question!r}", hint="add it")
    if isinstance(model, Backend):
        opened: dict[str, Any] = {"model": model}
    elif isinstance(model, str):
        opened = {"model_name": model}
    else:
        raise ConfigError(
            f"model is a {type(model).__name__}", hint="give the name of a model, or an open Backend"
        )
    with tempfile.TemporaryDirectory() as folder:
        asked = [Question("question", question, answer)]
        run = annotate(asked, output_dir=Path(folder) / "run", **opened, **settings)
        found = next(run.artifacts(), None)
    if found is None:
        raise InputError("the search did not finish", hint="see the warnings above")
    return Finding(found)


def open_run(path: str | Path) -> Run:
    """A run that exists, for reading. Raises `StoreError` if there is none, or it is damaged."""
    return Run(Path(path), jobs.status(Path(path)))


def what_if(run: str | Path, *, output_dir: str | Path | None = None, **settings: Any) -> WhatIfSummary:
    """What a run would have found under other settings, from its recorded responses, as far as they reach.

    Args:
        run: The run directory; it is left as it is.
        output_dir: A run directory to make of it.
        settings: What to change, e.g. `locate="binary", num_rollouts=8`.

    Raises:
        OmegaError: As `omega_fast.jobs.what_if` says.
    """
    return jobs.what_if(Path(run), settings, output=None if output_dir is None else Path(output_dir))


def question_from_row(given: Question | Mapping[str, Any]) -> Question:
    """A question out of what one line of a question file parses to. Raises `InputError` if it is none."""
    if isinstance(given, Question):
        return given
    try:
        draft = JsonlReader(answer_required=False).draft(given, Limits())
    except RecordError as error:
        raise InputError(
            f"a question cannot be used: {error}", hint="give it `problem` and `answer`"
        ) from error
    return draft.question(draft.id or stable_id(draft.problem))
