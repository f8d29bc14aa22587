"""Judging a run again, and what a failing checker does to a run."""

from __future__ import annotations

import pytest

from omega_fast.errors import RunConflictError
from omega_fast.jobs import replay, reverify, run_config, status
from omega_fast.search.projection import read_artifacts
from tests.engine.fakes import FakeEngine, Knobs, questions
from tests.engine.runs import annotated, artifacts, draws, records

STRICT = "return 'bad' not in solution and f'answer {answer_gold}' in solution"
LENIENT = "return f'answer {answer_gold}' in solution"
HALTING = """if 'xx' in solution.splitlines()[0]:
        raise ValueError
    if ' x' in solution.splitlines()[0]:
        import time
        time.sleep(60)
    return f'answer {answer_gold}' in solution"""


def test_another_verifier_decides_again_and_the_run_goes_on_under_it(tmp_path, checker):
    strict = checker("strict", STRICT)
    annotated(tmp_path / "run", asked=questions(4, solutions=2), solutions="seed", rollout_budget=40)
    before = artifacts(tmp_path / "run")
    judged = reverify(tmp_path / "run", verifier=strict)
    after = artifacts(tmp_path / "run")
    assert after != before
    assert judged.lost == 0
    replay(tmp_path / "run")
    assert artifacts(tmp_path / "run") == after
    assert run_config(tmp_path / "run").verifier == strict
    for tree in read_artifacts(tmp_path / "run"):
        for rollout in tree.rollouts:
            whole = tree.prefix(rollout.node) + rollout.text
            right = "bad" not in whole and f"answer {tree.question.answer}" in whole
            assert rollout.verdict == ("correct" if right else "wrong")
    changes = {
        "asked": questions(4, solutions=2),
        "solutions": "seed",
        "rollout_budget": 40,
        "verifier": strict,
    }
    assert annotated(tmp_path / "run", **changes).complete
    annotated(tmp_path / "fresh", **changes)
    assert artifacts(tmp_path / "run") == artifacts(tmp_path / "fresh")
    assert set(draws(tmp_path / "run").values()) == {1}


def test_a_run_judged_again_is_refused_under_the_verifier_it_had(tmp_path, checker):
    strict = checker("strict2", STRICT)
    annotated(tmp_path / "run")
    reverify(tmp_path / "run", verifier=strict)
    before = artifacts(tmp_path / "run")
    with pytest.raises(RunConflictError, match="judged by another verifier"):
        annotated(tmp_path / "run")
    replay(tmp_path / "run")
    assert artifacts(tmp_path / "run") == before
    reverify(tmp_path / "run")
    assert artifacts(tmp_path / "run") == before


def test_judging_back_and_forth_leads_back_to_the_first_labels(tmp_path, checker):
    annotated(tmp_path / "run")
    before = artifacts(tmp_path / "run")
    reverify(tmp_path / "run", verifier=checker("strict3", STRICT))
    assert artifacts(tmp_path / "run") != before
    reverify(tmp_path / "run", verifier="answer")
    assert artifacts(tmp_path / "run") == before
    assert annotated(tmp_path / "run").complete
    assert artifacts(tmp_path / "run") == before


def test_the_same_verifier_judges_again_only_what_it_failed_on(tmp_path):
    annotated(tmp_path / "run")
    before = len(records(tmp_path / "run", "verdict"))
    reverify(tmp_path / "run")
    assert len(records(tmp_path / "run", "verdict")) == before


def test_a_checker_that_fails_takes_rollouts_out_of_the_denominator_and_blocks_nothing(tmp_path, checker):
    halting = checker("halting", HALTING)
    summary = annotated(tmp_path / "run", asked=questions(2), verifier=halting, verifier_deadline=0.2)
    assert summary.complete
    assert summary.verdicts["crash"] > 0
    assert summary.verdicts["timeout"] > 0
    assert summary.excluded == summary.verdicts["crash"] + summary.verdicts["timeout"]
    for tree in read_artifacts(tmp_path / "run"):
        for node in tree.nodes:
            mine = [rollout for rollout in tree.rollouts if rollout.node == node.id]
            judged = [rollout for rollout in mine if rollout.verdict in ("correct", "wrong")]
            assert (node.n_rollouts, node.n_excluded) == (len(judged), len(mine) - len(judged))
    assert status(tmp_path / "run").excluded == summary.excluded


def test_a_checkers_failures_are_judged_again_on_rollouts_and_supplied_solutions(tmp_path, checker):
    flag = tmp_path / "flaky"
    flag.touch()
    # The checker's version is its source, which stays the same when its flag goes.
    flaky = checker(
        "flaky",
        f"import pathlib\n    assert not (pathlib.Path({str(flag)!r}).exists() and 'bad' in solution)\n    {LENIENT}",
    )
    changes = {
        "asked": questions(3, solutions=3),
        "solutions": "seed",
        "verifier": flaky,
        "rollout_budget": 40,
    }
    annotated(tmp_path / "run", **changes)
    failed = [record for record in records(tmp_path / "run", "verdict") if record.body["verdict"] == "crash"]
    supplied = records(tmp_path / "run", "solution_verdict")
    assert failed
    assert any(record.body["verdict"] == "crash" for record in supplied)
    judged = len(records(tmp_path / "run", "verdict"))
    flag.unlink()
    reverify(tmp_path / "run")
    assert len(records(tmp_path / "run", "verdict")) == judged + len(failed)
    assert annotated(tmp_path / "run", **changes).excluded == 0
    annotated(tmp_path / "fresh", **changes)
    assert artifacts(tmp_path / "run") == artifacts(tmp_path / "fresh")


def test_an_interrupted_run_can_be_judged_again_and_goes_on(tmp_path, checker):
    strict = checker("strict4", STRICT)
    with pytest.raises(Exception, match="died"):
        annotated(tmp_path / "run", FakeEngine(Knobs(dies_at=50, shuffle=2, latency=3)))
    assert not reverify(tmp_path / "run", verifier=strict).complete
    annotated(tmp_path / "run", verifier=strict)
    annotated(tmp_path / "fresh", verifier=strict)
    assert artifacts(tmp_path / "run") == artifacts(tmp_path / "fresh")
