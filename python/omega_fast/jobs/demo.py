"""The whole job on the embedded task and policy, checked against the truth that this task knows."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from omega_fast.config import LEDGER, resolve
from omega_fast.jobs.annotate import annotate
from omega_fast.jobs.runs import export
from omega_fast.search.projection import artifacts_path, read_artifacts
from omega_fast.store.artifacts import Artifacts
from omega_fast.store.formats import FORMATS
from omega_fast.summary import DemoSummary, Progress, Proportion, RunSummary
from omega_fast.tasks.ledger import first_error

__all__ = ["check_against_truth", "demo"]

_SLOTS = 256


def demo(
    *,
    seed: int = 0,
    limit: int = 100,
    output: Path | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    **settings: Any,
) -> DemoSummary:
    """Annotate `limit` ledger problems with the shipped policy, check every label, and write a report.

    Args:
        seed: Of the problems and of every draw.
        limit: How many problems.
        output: The run directory; a new temporary one by default. The same one resumes.
        on_progress: Told a few times a second how far the run is.
        settings: Further settings of `AnnotateConfig`.

    Raises:
        ConfigError: If a setting cannot work.
        RunConflictError: If `output` holds a run with other settings.
    """
    from omega_fast.report.html import write_report  # noqa: PLC0415 - no other job needs it

    folder = output or Path(tempfile.mkdtemp(prefix="omega-demo-"))
    overrides = {
        "question_file": LEDGER,
        "limit": limit,
        "seed": seed,
        "output_dir": folder,
        "slots": _SLOTS,
        # One thread beats two here: the matrices are too small to share.
        "threads": 1,
        **settings,
    }
    summary = annotate(resolve(preset=LEDGER, env={}, overrides=overrides), on_progress=on_progress)
    hits, labels = check_against_truth(read_artifacts(folder))
    files = {"log": folder / "log", "artifacts": artifacts_path(folder), "report": folder / "report.html"}
    for name in FORMATS:
        files[name] = export(folder, format=name).path
    result = DemoSummary(
        **{name: getattr(summary, name) for name in RunSummary.__dataclass_fields__},
        exact_hit_accuracy=hits,
        hard_label_accuracy=labels,
        files=files,
    )
    write_report(files["report"], read_artifacts(folder), result.to_dict())
    (folder / "summary.json").write_text(json.dumps(result.to_dict(), indent=2) + "\n")
    return result


def check_against_truth(artifacts: Iterable[Artifacts]) -> tuple[Proportion, Proportion]:
    """Ledger artifacts against the exact truth: located first errors, then hard labels below the root.

    A located error is a hit if its step is the first wrong one; a label is a hit if it says of the prefix what
    the truth says.
    """
    hits = located = right = labels = 0
    for each in artifacts:
        problem = each.question.problem
        for search in each.searches:
            if search.error_node is not None:
                steps = [node.step for node in each.path(search.error_node)]
                located += 1
                hits += first_error(problem, steps) == search.error_step
        for node in each.nodes:
            if node.parent is not None and node.hard is not None:
                steps = [step.step for step in each.path(node.id)]
                # A prefix without a wrong step ends before the answer, or with the right one.
                is_right = first_error(problem, steps) in (-1, len(steps))
                labels += 1
                right += is_right == node.hard
    return Proportion(hits, located), Proportion(right, labels)
