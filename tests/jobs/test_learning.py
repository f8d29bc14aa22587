"""Runs whose errors are located by a posterior: rates learnt across questions, logged in epochs."""

from __future__ import annotations

import orjson
import pytest

from omega_fast.errors import StoreError
from omega_fast.jobs import replay
from omega_fast.search.epochs import Epochs
from omega_fast.store import verify
from omega_fast.store.artifacts import Artifacts
from omega_fast.store.formats import SAMPLES, ExportOptions
from tests.engine.fakes import FakeEngine, Knobs, questions
from tests.engine.runs import annotated, artifacts, records

BAYES = {"locate": "bayes", "rollout_budget": 40, "num_rollouts": 8, "max_search_count": 9}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("learning") / "run"
    annotated(folder, asked=questions(66), **BAYES)
    return folder


def all_artifacts(run):
    return [Artifacts.from_json(line) for line in artifacts(run).splitlines()]


def test_an_epoch_is_logged_once_with_what_it_was_learnt_from(run):
    bodies = [record.body for record in records(run, "epoch")]
    assert [(body["epoch"], body["questions"]) for body in bodies] == [
        (epoch + 1, 4 << epoch) for epoch in range(5)
    ]
    for body in bodies:
        assert sum(body["weights"]["groups"]) == pytest.approx(1)
        assert sum(body["weights"]["recoveries"]) == pytest.approx(1)


def test_a_question_keeps_the_epoch_it_started_with(run):
    assert [each.epoch for each in all_artifacts(run)] == [0] * 16 + [1] * 16 + [2] * 32 + [3] * 2


def test_a_replay_learns_the_same_and_gives_the_same_bytes(run):
    before = artifacts(run)
    replay(run)
    assert artifacts(run) == before
    verify(run)


def test_labels_do_not_depend_on_slots_or_order(run, tmp_path):
    annotated(tmp_path / "slow", FakeEngine(Knobs(slots=3, shuffle=5)), questions(66), **BAYES, slots=3)
    assert artifacts(tmp_path / "slow") == artifacts(run)


def test_a_run_that_grew_learns_what_a_fresh_one_does(run, tmp_path):
    grown = tmp_path / "grown"
    annotated(grown, asked=questions(20), **BAYES)
    annotated(grown, asked=questions(66), **BAYES)
    assert artifacts(grown) == artifacts(run)
    assert [record.body["epoch"] for record in records(grown, "epoch")] == [1, 2, 3, 4, 5]


def test_posterior_labels_carry_their_confidence_and_no_soft_label(run):
    rows = [row for each in all_artifacts(run) for row in SAMPLES.project(each, ExportOptions())]
    sure = [row for row in rows if row.hard_rule == "posterior"]
    assert sure
    assert all(0.95 <= row.confidence <= 1 for row in sure)
    assert {row.label for row in rows if row.stopping_rule == "posterior"} == {None}
    assert {row.confidence for row in rows if row.hard_rule != "posterior"} == {None}


def test_an_undecided_search_keeps_its_posterior(run):
    searches = [search for each in all_artifacts(run) for search in each.searches]
    decided = [search for search in searches if search.outcome == "located"]
    assert decided
    for search in searches:
        assert sum(search.posterior) == pytest.approx(1, abs=1e-4)
    for search in decided:
        assert search.posterior[search.error_step] >= 0.95


def test_rates_that_are_not_those_of_the_log_are_refused():
    recorded = {"epoch": 1, "questions": 16, "weights": {"groups": [0.5, 0.5]}, "version": "a"}
    same = orjson.dumps({"groups": [0.5, 0.5 + 1e-12]}).decode()
    other = orjson.dumps({"groups": [0.6, 0.4]}).decode()
    epochs = Epochs({"version": "a"}, [recorded])
    epochs.learnt(1, 16, same)
    assert epochs.take_new() == []
    with pytest.raises(StoreError, match="epoch 1"):
        epochs.learnt(1, 16, other)


def test_rates_learnt_under_other_terms_are_new():
    recorded = {"epoch": 1, "questions": 16, "weights": {"groups": [0.5, 0.5]}, "version": "a"}
    epochs = Epochs({"version": "b"}, [recorded])
    epochs.learnt(1, 16, orjson.dumps({"groups": [0.6, 0.4]}).decode())
    assert [body["version"] for body in epochs.take_new()] == ["b"]
    assert epochs.take_new() == []
