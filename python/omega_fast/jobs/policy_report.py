"""The files of an evaluation of policies: a row for each question of each run, the figures, and their table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from omega_fast.eval.policy import Drawn, compared, drawn_figures, policy_figures, sizes_up_to, table
from omega_fast.eval.policy_plot import render_policies
from omega_fast.jobs.policy_exact import ExactFigures
from omega_fast.policy_summary import NamedPolicy
from omega_fast.records import Question
from omega_fast.search.projection import read_artifacts
from omega_fast.store.artifacts import Artifacts
from omega_fast.store.files import LocalFileSystem, write_atomically
from omega_fast.store.formats.files import write_rows
from omega_fast.store.formats.outcomes import outcome
from omega_fast.tasks.ledger import count_right_solutions, first_error
from omega_fast.wording import counted

__all__ = ["PolicyRun", "shown_figures", "write_report"]

_ROWS, _METRICS, _TABLE, _PLOT = "rows.jsonl", "metrics.json", "policies.md", "policies.svg"


@dataclass(frozen=True, slots=True)
class PolicyRun:
    """One policy's draws under one seed, in a run directory of their own."""

    policy: NamedPolicy
    seed: int
    folder: Path


def write_report(
    output: Path, runs: Sequence[PolicyRun], asked: Sequence[Question], exact: ExactFigures | None
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Write `rows.jsonl`, `metrics.json`, `policies.md` and `policies.svg`; the figures, and what is to be looked at.

    Args:
        output: The folder.
        runs: The runs, all complete; those of one name belong together. The first one's name is the baseline.
        asked: The questions.
        exact: What tells the figures that need the models, if they are wanted.

    Raises:
        BackendError: A model cannot be loaded.
        StoreError: A file cannot be read or written.
    """
    warnings: list[str] = []
    by_policy: dict[str, list[list[dict[str, float | None]]]] = {}
    rows: list[dict[str, Any]] = []
    unjudged = 0
    for run in runs:
        found = {each.question.id: each for each in read_artifacts(run.folder)}
        figures = []
        for question in asked:
            drawn, failed = _samples(question, found.get(question.id))
            unjudged += failed
            told = drawn_figures(drawn) if drawn.texts else {}
            if exact is not None and drawn.texts:
                told |= exact.of(run.policy, question, drawn.texts)
            figures.append(told)
            rows.append(
                {
                    "policy": run.policy.name,
                    "model": run.policy.model,
                    "seed": run.seed,
                    "id": question.id,
                    "samples": len(drawn.texts),
                    "right": sum(drawn.right),
                    "wholly_right": None if drawn.wholly is None else sum(drawn.wholly),
                    "right_solutions": drawn.modes,
                    "figures": told,
                }
            )
        by_policy.setdefault(run.policy.name, []).append(figures)
    if unjudged:
        warnings.append(f"not judged, and so wrong: {counted(unjudged, 'answer')}")
    if exact is not None and exact.silent:
        warnings.append(exact.silent)
    baseline, *others = by_policy
    results: dict[str, Any] = {
        "samples": max((row["samples"] for row in rows), default=0),
        "questions": len(asked),
        "baseline": baseline,
        "intervals": "95 %; over runs that differ in their seed Student's t; over questions Wilson's, but Student's t "
        "for differences and for figures without an upper limit",
        "policies": {name: policy_figures(each) for name, each in by_policy.items()},
        "against": {name: compared(by_policy[name], by_policy[baseline]) for name in others},
    }
    write_rows(output / _ROWS, rows)
    files = LocalFileSystem()
    told_json = orjson.dumps(results, option=orjson.OPT_INDENT_2) + b"\n"
    write_atomically(files, output / _METRICS, told_json)
    write_atomically(files, output / _TABLE, _page(results).encode())
    write_atomically(files, output / _PLOT, render_policies(results["policies"]).encode())
    return results, tuple(warnings)


def shown_figures(samples: int) -> list[str]:
    """The figures that are shown of those there are, in order."""
    sizes = sizes_up_to(samples)
    names = [f"pass@{k}" for k in sizes]
    names += [f"distinct@{samples}", "wholly@1", f"wholly_distinct@{samples}", f"coverage@{samples}"]
    return [*names, "distance", "entropy_per_step", "right_mass", "tv_to_target"]


def _page(results: dict[str, Any]) -> str:
    names = shown_figures(results["samples"])
    page = table(results["policies"], names)
    if results["against"]:
        columns = {f"{name} - {results['baseline']}": each for name, each in results["against"].items()}
        page += f"\nDifferences on the same questions:\n\n{table(columns, names)}"
    return page


def _samples(question: Question, artifacts: Artifacts | None) -> tuple[Drawn, int]:
    """What was drawn from a question, and how many answers could not be judged."""
    if artifacts is None:
        return Drawn((), ()), 0
    root = artifacts.nodes[0].id
    rollouts = [each for each in artifacts.rollouts if each.node == root and each.draw is not None]
    judged = [outcome(each) for each in rollouts]
    texts = tuple(each.text for each in rollouts)
    wholly, modes = None, None
    if _is_ledger(question):
        wholly = tuple(first_error(question.problem, text.splitlines(keepends=True)) == -1 for text in texts)
        modes = count_right_solutions(question.problem)
    drawn = Drawn(texts, tuple(each is True for each in judged), wholly, modes)
    return drawn, sum(each is None for each in judged)


def _is_ledger(question: Question) -> bool:
    """Whether it is of the embedded task, whose right solutions are known."""
    return question.id.startswith("ledger-") and "operations" in question.meta
