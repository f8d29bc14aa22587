"""What can be done with a run without its engine: look, decide again, export."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from omega_fast.config import AnnotateConfig
from omega_fast.errors import ConfigError
from omega_fast.jobs.annotate import run_config
from omega_fast.jobs.opening import open_prices
from omega_fast.jobs.session import recall, replay_into
from omega_fast.jobs.summing import summarise
from omega_fast.search.book import ArtifactsSink
from omega_fast.search.projection import ArtifactsFile, artifacts_path, read_artifacts
from omega_fast.spending.prices import Prices
from omega_fast.store import Artifacts, RunDirectory
from omega_fast.store.files import safe_name
from omega_fast.store.formats import FORMATS, ExportOptions, RowFault
from omega_fast.summary import ExportSummary, RunSummary

__all__ = ["export", "replay", "status"]


def status(run: Path) -> RunSummary:
    """What a run holds, told from its log; nothing is written, and another process may be writing it.

    Raises:
        StoreError: If there is no run, or it is damaged.
    """
    return _decide_again(run, lambda number, line: None)


def replay(run: Path) -> RunSummary:
    """Make a run's trees and labels again from its log, byte for byte, without an engine.

    Raises:
        StoreError: If there is no run, or it is damaged.
    """
    with closing(ArtifactsFile(artifacts_path(run))) as artifacts:
        summary = _decide_again(run, artifacts.add)
        artifacts.finish()
    return summary


def export(
    run: Path,
    *,
    format: str,  # noqa: A002 - the word the command line uses
    output: Path | None = None,
    options: ExportOptions | None = None,
) -> ExportSummary:
    """Write the labels of a run's finished questions in one of the `FORMATS`.

    Args:
        run: The run directory.
        format: A key of `FORMATS`.
        output: The file; by default in the run's `export` folder, with the format's usual suffix.
        options: Choices some formats offer; the seed is the run's own unless given.

    Raises:
        ConfigError: If there is no such format.
        InputError: If the format cannot be written to a file of that name.
        StoreError: If the run has no artifacts, or the file cannot be written.
    """
    if format not in FORMATS:
        raise ConfigError(f"unknown format {format!r}", hint=f"use one of {', '.join(FORMATS)}")
    chosen = FORMATS[format]
    if options is None or options.seed is None:
        kept = options or ExportOptions()
        options = ExportOptions(run_config(run).seed, kept.prefix_as, kept.text)
    if output is None:
        output = run / "export" / safe_name(format + chosen.suffixes[0])
    output.parent.mkdir(parents=True, exist_ok=True)
    refused: list[RowFault] = []
    finished = 0

    def exported() -> Iterator[Artifacts]:
        nonlocal finished
        for finished, artifacts in enumerate(read_artifacts(run), 1):  # noqa: B007 - it is read below
            yield artifacts

    rows = chosen.write(output, exported(), options, refused.append)
    questions = sum(1 for _ in RunDirectory.read(run).records({"question"}))
    return ExportSummary(output, rows, len(refused), finished, questions)


def _decide_again(run: Path, sink: ArtifactsSink) -> RunSummary:
    view = RunDirectory.read(run)
    recalled = recall(view)
    config = run_config(run)
    prices, warnings = _prices(config)
    book, recorded = replay_into(
        view,
        recalled,
        config=config,
        questions=recalled.questions.values(),
        sink=sink,
    )
    summary = summarise(
        view,
        book,
        recalled,
        rollouts=recorded.rollouts,
        tokens=recorded.tokens,
        lost=recalled.lost,
        paid_twice=recalled.paid_twice,
        early=recalled.early,
        seconds=recalled.seconds,
        prices=prices,
        written_off=recalled.written_off,
        stopped_by=recalled.stopped_by,
    )
    return replace(summary, warnings=(*summary.warnings, *warnings))


def _prices(config: AnnotateConfig) -> tuple[Prices | None, list[str]]:
    """The prices a run was last started with; what became of them since is no reason not to look at the run."""
    try:
        return open_prices(config), []
    except ConfigError as error:
        return None, [f"costs are left out: {error.message}"]
