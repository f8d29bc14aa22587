"""The same 50 questions through both engines: labels agree within sampling error."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from pathlib import Path

import pytest

from omega_fast.jobs import annotate
from omega_fast.jobs.demo import check_against_truth
from omega_fast.search.projection import read_artifacts
from omega_fast.store.artifacts import Artifacts
from omega_fast.summary import RunSummary
from tests.vllm.opened import N_QUESTIONS, ledger_config

pytestmark = pytest.mark.vllm

Z_AT_MOST = 4.0
ENGINES = ("transformers", "vllm")


@dataclass(frozen=True)
class Labelled:
    summary: RunSummary
    trees: list[Artifacts]


@pytest.fixture(scope="module")
def runs(engines, tmp_path_factory) -> dict[str, Labelled]:
    folder = tmp_path_factory.mktemp("labels")
    found = {}
    for name in ENGINES:
        summary = annotate(ledger_config(folder / name), backend=getattr(engines, name))
        found[name] = Labelled(summary, list(read_artifacts(folder / name)))
        print(
            f"{name}: {summary.rollouts} rollouts, {summary.tokens} tokens, {summary.seconds:.1f} s, "
            f"{summary.tokens / summary.seconds:.0f} tokens/s"
        )
    return found


def pooled_z(one: tuple[int, int], two: tuple[int, int]) -> float:
    """Two-proportion z: difference of the shares over its standard error under one common share."""
    share = (one[0] + two[0]) / (one[1] + two[1])
    error = math.sqrt(share * (1 - share) * (1 / one[1] + 1 / two[1]))
    return (one[0] / one[1] - two[0] / two[1]) / error if error else 0.0


def paired_z(one: list[float], two: list[float]) -> float:
    """Mean difference by question over its standard error, since draws of one question are alike."""
    differences = [here - there for here, there in zip(one, two, strict=True)]
    spread = statistics.stdev(differences)
    return statistics.mean(differences) / (spread / math.sqrt(len(differences))) if spread else 0.0


def verdict_share(tree: Artifacts, verdict: str) -> float:
    return sum(rollout.verdict == verdict for rollout in tree.rollouts) / len(tree.rollouts)


def root_mc(tree: Artifacts) -> float:
    mc = next(node.mc for node in tree.nodes if node.parent is None)
    assert mc is not None
    return mc


def test_every_question_finishes_on_both_engines(runs):
    for labelled in runs.values():
        assert labelled.summary.complete
        assert labelled.summary.finished == N_QUESTIONS
        assert labelled.summary.lost == 0
        assert labelled.summary.located > 20


def test_the_two_engines_draw_other_rollouts(runs):
    one, two = ({rollout.text for tree in runs[name].trees for rollout in tree.rollouts} for name in ENGINES)
    assert one != two


def test_label_statistics_agree_within_sampling_error(runs):
    one, two = (runs[name] for name in ENGINES)
    hits = [check_against_truth(labelled.trees) for labelled in (one, two)]
    scores = {
        "searches that located, two-proportion": pooled_z(
            (one.summary.located, one.summary.searches), (two.summary.located, two.summary.searches)
        ),
        "located at the true step, two-proportion": pooled_z(*((hit.hits, hit.total) for hit, _ in hits)),
        "hard labels that are true, two-proportion": pooled_z(
            *((right.hits, right.total) for _, right in hits)
        ),
        "root MC, paired": paired_z(*([root_mc(tree) for tree in each.trees] for each in (one, two))),
        "tokens a rollout, paired": paired_z(
            *(
                [statistics.mean(rollout.n_tokens for rollout in tree.rollouts) for tree in each.trees]
                for each in (one, two)
            )
        ),
        **{
            f"share {verdict}, paired": paired_z(
                *([verdict_share(tree, verdict) for tree in each.trees] for each in (one, two))
            )
            for verdict in ("correct", "wrong", "no_answer")
        },
    }
    for what, z in scores.items():
        print(f"z = {z:+.2f}  {what}")
    print("located at the true step:", *(hit for hit, _ in hits))
    assert all(abs(z) < Z_AT_MOST for z in scores.values())


def test_a_temperature_of_one_half_would_not_have_passed(runs, engines, monkeypatch, tmp_path: Path):
    engine = engines.vllm._engine
    monkeypatch.setattr(engine, "_sampling", engine._sampling | {"temperature": 0.5})
    annotate(ledger_config(tmp_path / "cold", max_search_count=0), backend=engines.vllm)
    cold = list(read_artifacts(tmp_path / "cold"))
    warm = runs["transformers"].trees
    z = paired_z([root_mc(tree) for tree in cold], [root_mc(tree) for tree in warm])
    print(f"z = {z:+.2f}  root MC at temperature .5 against 1, paired")
    assert abs(z) > Z_AT_MOST
