"""The same 50 questions through all engines: labels agree within sampling error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from omega_fast.jobs import annotate
from omega_fast.jobs.demo import check_against_truth
from omega_fast.search.projection import read_artifacts
from omega_fast.store.artifacts import Artifacts
from omega_fast.summary import RunSummary
from tests.vllm.homogeneity import p_of_homogeneity
from tests.vllm.opened import N_QUESTIONS, ledger_config

pytestmark = pytest.mark.vllm

FAMILY_LEVEL = 0.01
"""How often engines that do not differ may fail: at most, over all statistics together."""


@dataclass(frozen=True)
class Labelled:
    summary: RunSummary
    trees: list[Artifacts]


def root_mc(tree: Artifacts) -> tuple[float, float]:
    mc = next(node.mc for node in tree.nodes if node.parent is None)
    assert mc is not None
    return mc, 1


def hits_and_total(tree: Artifacts, which: int) -> tuple[float, float]:
    found = check_against_truth([tree])[which]
    return found.hits, found.total


def verdicts(tree: Artifacts, verdict: str) -> tuple[float, float]:
    return sum(rollout.verdict == verdict for rollout in tree.rollouts), len(tree.rollouts)


# what is counted in a question's tree, and what it is a share of
STATISTICS: Mapping[str, Callable[[Artifacts], tuple[float, float]]] = {
    "root MC": root_mc,
    "searches that located": lambda tree: (tree.counts.located, tree.counts.searches),
    "located at the true step": lambda tree: hits_and_total(tree, 0),
    "hard labels that are true": lambda tree: hits_and_total(tree, 1),
    "hard labels that say right": lambda tree: (
        sum(node.hard is True for node in tree.nodes),
        sum(node.hard is not None for node in tree.nodes),
    ),
    "tokens a rollout": lambda tree: (sum(each.n_tokens for each in tree.rollouts), len(tree.rollouts)),
    "share correct": lambda tree: verdicts(tree, "correct"),
    "share without answer": lambda tree: verdicts(tree, "no_answer"),
}
LEVEL = FAMILY_LEVEL / len(STATISTICS)
"""Bonferroni's correction: what a single statistic has to stay above."""


def counted(trees_by_engine: list[list[Artifacts]], statistic: str) -> np.ndarray:
    count = STATISTICS[statistic]
    return np.array([[count(tree) for tree in trees] for trees in trees_by_engine], dtype=float)


@pytest.fixture(scope="module")
def runs(engines, served, tmp_path_factory) -> dict[str, Labelled]:
    folder = tmp_path_factory.mktemp("labels")
    found = {}
    for name, backend in {
        "transformers": engines.transformers,
        "vllm": engines.vllm,
        "openai": served,
    }.items():
        summary = annotate(ledger_config(folder / name), backend=backend)
        found[name] = Labelled(summary, list(read_artifacts(folder / name)))
        print(
            f"{name}: {summary.rollouts} rollouts, {summary.tokens} tokens, {summary.seconds:.1f} s, "
            f"{summary.tokens / summary.seconds:.0f} tokens/s"
        )
    return found


def test_every_question_finishes_on_all_engines(runs):
    for labelled in runs.values():
        assert labelled.summary.complete
        assert labelled.summary.finished == N_QUESTIONS
        assert labelled.summary.lost == 0
        assert labelled.summary.retokenised == 0
        assert labelled.summary.located > 20


def test_the_engines_draw_other_rollouts(runs):
    texts = [{rollout.text for tree in each.trees for rollout in tree.rollouts} for each in runs.values()]
    assert all(one != two for one, two in combinations(texts, 2))


def test_label_statistics_agree_within_sampling_error(runs):
    found = {}
    for statistic in STATISTICS:
        counts = counted([each.trees for each in runs.values()], statistic)
        found[statistic] = p_of_homogeneity(counts)
        rates = ", ".join(f"{hits / total:.3f}" for hits, total in counts.sum(axis=1))
        print(f"p = {found[statistic]:.3f}  {statistic}: {rates} ({', '.join(runs)})")
    assert min(found.values()) > LEVEL


def test_a_temperature_of_one_half_would_not_have_passed(runs, engines, monkeypatch, tmp_path: Path):
    engine = engines.vllm._engine
    monkeypatch.setattr(engine, "_sampling", engine._sampling | {"temperature": 0.5})
    annotate(ledger_config(tmp_path / "cold", max_search_count=0), backend=engines.vllm)
    cold = list(read_artifacts(tmp_path / "cold"))
    warm = [runs[name].trees for name in ("transformers", "openai")]
    p = p_of_homogeneity(counted([cold, *warm], "root MC"))
    print(f"p = {p:.5f}  root MC at temperature .5 beside two engines at 1")
    assert p < LEVEL
