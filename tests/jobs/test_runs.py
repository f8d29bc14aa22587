"""What can be done with a run without its engine."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from omega_fast.errors import ConfigError, StoreError
from omega_fast.jobs import annotate, export, replay, reverify, run_config, status
from omega_fast.search.projection import read_artifacts
from omega_fast.store.formats import FORMATS, ExportOptions
from tests.engine.fakes import FakeEngine, Knobs, questions
from tests.engine.runs import annotated, artifacts, settings


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    annotated(folder, FakeEngine(Knobs(fails=lambda request: request.seed % 11 == 0, shuffle=1)))
    return folder


def test_replay_makes_the_same_artifacts_byte_for_byte(run):
    before = artifacts(run)
    (run / "artifacts.jsonl").unlink()
    with pytest.raises(StoreError, match="omega replay"):
        list(read_artifacts(run))
    replay(run)
    assert artifacts(run) == before


def test_status_and_replay_tell_what_the_run_told(tmp_path):
    engine = FakeEngine(Knobs(fails=lambda request: request.seed % 5 == 0))
    told = annotated(tmp_path / "run", engine)
    assert told.complete
    assert told.lost
    for found in (status(tmp_path / "run"), replay(tmp_path / "run")):
        assert replace(found, seconds=0.0) == replace(told, seconds=0.0)
    again = annotated(tmp_path / "run")
    assert replace(again, seconds=0.0) == replace(told, seconds=0.0)


def test_the_summary_adds_up_to_the_artifacts(run):
    trees = list(read_artifacts(run))
    found = status(run)
    assert found.questions == found.finished == len(trees)
    assert found.rollouts == sum(tree.counts.rollouts for tree in trees)
    assert found.labels == sum(node.hard is not None for tree in trees for node in tree.nodes)
    assert found.located == sum(search.outcome == "located" for tree in trees for search in tree.searches)
    assert sum(found.verdicts.values()) + found.lost == found.rollouts
    assert sum(found.finishes.values()) == found.questions


def test_the_configuration_of_a_run_can_be_asked_for_again(run):
    assert run_config(run) == settings(run)


@pytest.mark.parametrize(
    ("name", "suffix"), [(each.name, suffix) for each in FORMATS.values() for suffix in each.suffixes]
)
def test_every_format_reads_back_what_was_exported(run, tmp_path, name, suffix):
    wanted = [
        row for tree in read_artifacts(run) for row in FORMATS[name].project(tree, ExportOptions(seed=0))
    ]
    done = export(run, format=name, output=tmp_path / f"labels{suffix}")
    assert done.rows == len(wanted) > 0
    assert list(FORMATS[name].read(done.path)) == wanted


def test_samples_say_of_every_estimated_state_what_the_log_says(run):
    rows = {
        (row.question_id, row.state): row
        for row in FORMATS["samples"].read(export(run, format="samples").path)
    }
    for tree, node in ((each, node) for each in read_artifacts(run) for node in each.nodes):
        if node.hard is not None or node.mc is not None:
            row = rows[tree.question.id, node.state]
            assert row.prefix == tree.prefix(node.id)
            assert (row.n_correct, row.n_rollouts) == (node.n_correct, node.n_rollouts)
            assert row.seed == 0


def test_mc_counts_only_judged_continuations_launched_from_the_state(run):
    for tree in read_artifacts(run):
        launched = {
            node: list(group)
            for node, group in itertools.groupby(
                sorted(tree.rollouts, key=lambda rollout: rollout.node), lambda rollout: rollout.node
            )
        }
        for node in tree.nodes:
            mine = launched.get(node.id, [])
            assert node.n_correct == sum(rollout.verdict == "correct" for rollout in mine)
            assert node.n_rollouts + node.n_excluded >= len(mine)
            assert node.n_rollouts == len(mine)


def test_no_state_of_a_tree_comes_twice_and_no_rollout_is_searched_twice(run):
    for tree in read_artifacts(run):
        assert len({node.state for node in tree.nodes}) == len(tree.nodes)
        assert len({search.rollout for search in tree.searches}) == len(tree.searches)


def test_unknown_formats_and_missing_runs_are_named(run, tmp_path):
    with pytest.raises(ConfigError, match="unknown format 'csv'"):
        export(run, format="csv")
    for job in (status, replay, run_config):
        with pytest.raises(StoreError, match="not a run directory"):
            job(tmp_path)


def test_a_killed_runs_labels_so_far_can_be_exported(tmp_path):
    engine = FakeEngine(Knobs(dies_at=60))
    with pytest.raises(Exception, match="died"):
        annotated(tmp_path / "run", engine, max_open=1)
    found = replay(tmp_path / "run")
    assert 0 < found.finished < found.questions == 5
    assert not found.complete
    assert export(tmp_path / "run", format="flat").rows == found.finished


@pytest.mark.parametrize("locate", ["binary", "every_step"])
def test_a_solution_of_hundreds_of_steps_is_labelled_and_exported(tmp_path, locate):
    (question,) = questions(1, solutions=1)
    solution = replace(question.solutions[0], text="".join(f"s{n} bad\n" for n in range(300)) + "answer 9\n")
    summary = annotated(
        tmp_path / "run",
        asked=[replace(question, solutions=(solution,))],
        locate=locate,
        rollout_budget=2000,
    )
    assert summary.complete
    assert (tmp_path / "run" / "export" / "samples.jsonl").is_file()
    assert (tmp_path / "run" / "export" / "tree.jsonl").is_file() != bool(summary.warnings)
    assert bool(summary.warnings) == (locate == "every_step")


def test_a_summary_is_json(run):
    assert json.loads(json.dumps(status(run).to_dict()))["questions"] == 5


def test_progress_and_summary_count_time_from_the_same_moment(tmp_path):
    told = []
    summary = annotate(
        settings(tmp_path / "run"), questions=questions(3), backend=FakeEngine(), on_progress=told.append
    )
    assert told[-1].seconds >= summary.seconds > 0
    assert told[-1].tokens_a_second > 0


def test_an_export_counts_the_questions_that_are_not_finished(tmp_path):
    def stop_at(number, request):
        if number == 60:
            stop.set()

    stop = Event()
    folder = tmp_path / "run"
    engine = FakeEngine(Knobs(slots=1, on_submit=stop_at))
    summary = annotate(settings(folder, max_open=1), questions=questions(5), backend=engine, stop=stop)
    assert 0 < summary.finished < 5
    done = export(folder, format="samples", output=tmp_path / "x.jsonl")
    assert (done.finished, done.questions) == (summary.finished, 5)


def test_why_a_verifier_failed_is_told_with_the_run(tmp_path, checker):
    raising = checker("raising", "raise KeyError('no \\x1b[31m such thing')")
    told = " ".join(annotated(tmp_path / "run", verifier=raising).warnings)
    assert "times with KeyError: 'no " in told
    assert "\x1b" not in told
    again = " ".join(reverify(tmp_path / "run").warnings)
    assert "times with KeyError" in again
