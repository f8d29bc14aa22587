"""Solutions that came with the questions, end to end."""

from __future__ import annotations

import orjson
import pytest

from omega_fast.jobs import annotate, replay, status
from omega_fast.search.projection import read_artifacts
from tests.engine.fakes import FakeEngine, Knobs, continuation, questions
from tests.engine.runs import annotated, artifacts, draws, settings


@pytest.fixture
def asked(tmp_path):
    """A file of four questions, each with five solutions."""
    path = tmp_path / "asked.jsonl"
    rows = [
        {
            "id": each.id,
            "problem": each.problem,
            "answer": each.answer,
            "solutions": [solution.text for solution in each.solutions],
        }
        for each in questions(4, solutions=5)
    ]
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return path


def test_labelled_solutions_are_the_only_ones_searched(tmp_path):
    annotated(tmp_path / "run", asked=questions(4, solutions=5), solutions="label", rollout_budget=100)
    for tree in read_artifacts(tmp_path / "run"):
        searched = [tree.rollouts[search.rollout] for search in tree.searches]
        assert [each.text for each in searched] == [
            solution.text for solution in questions(4, solutions=5)[int(tree.question.id[1:])].solutions
        ]
        assert tree.finish == "solutions_done"
        for search in tree.searches:
            if tree.rollouts[search.rollout].verdict == "correct":
                assert search.reason == "final_answer_right"
            if search.outcome == "located":
                text = tree.rollouts[search.rollout].text
                assert text.startswith(tree.prefix(search.error_node))


def test_seeded_solutions_are_searched_first(tmp_path):
    annotated(
        tmp_path / "run",
        asked=questions(4, solutions=2),
        solutions="seed",
        rollout_budget=100,
        max_search_count=3,
    )
    for tree in read_artifacts(tmp_path / "run"):
        sources = [tree.rollouts[search.rollout].source for search in tree.searches]
        assert sources[:2] == ["supplied:fake"] * 2
        assert set(sources[2:]) <= {"policy"}
    assert any(len(tree.searches) > 2 for tree in read_artifacts(tmp_path / "run"))


def test_ignored_solutions_leave_no_trace(tmp_path):
    annotated(tmp_path / "with", asked=questions(4, solutions=3), solutions="ignore")
    annotated(tmp_path / "without", asked=questions(4))
    assert artifacts(tmp_path / "with") == artifacts(tmp_path / "without")


@pytest.mark.parametrize("mode", ["label", "seed"])
@pytest.mark.parametrize("dies_at", [1, 9, 25, 40])
def test_a_run_with_solutions_resumes_to_the_same_labels(tmp_path, mode, dies_at):
    changes = {"solutions": mode, "rollout_budget": 60, "asked": questions(4, solutions=3)}
    annotated(tmp_path / "whole", **changes)
    with pytest.raises(Exception, match="died"):
        annotated(tmp_path / "run", FakeEngine(Knobs(dies_at=dies_at)), **changes)
    annotated(tmp_path / "run", **changes)
    assert artifacts(tmp_path / "run") == artifacts(tmp_path / "whole")


def test_recorded_solutions_are_played_back_as_the_draws_from_the_root(tmp_path, asked):
    config = settings(
        tmp_path / "run",
        question_file=str(asked),
        model_type="recorded",
        model_name="questions",
        solutions="ignore",
        rollout_budget=4,
    )
    summary = annotate(config)
    assert summary.rollouts == 16
    assert summary.lost == 0
    supplied = {each.id: [solution.text for solution in each.solutions] for each in questions(4, solutions=5)}
    for tree in read_artifacts(tmp_path / "run"):
        assert [rollout.text for rollout in tree.rollouts] == supplied[tree.question.id][:4]


def test_a_recorded_run_that_was_cut_off_goes_on_with_the_draws_it_lacks(tmp_path, asked):
    base = {
        "question_file": str(asked),
        "model_type": "recorded",
        "model_name": "questions",
        "solutions": "ignore",
        "rollout_budget": 5,
        "root_rollouts": 5,
    }
    whole = annotate(settings(tmp_path / "whole", **base))
    run = tmp_path / "run"
    annotate(settings(run, **base))
    # All but the first seven rollouts are cut off, as by a crash, and the manifest forgets how far the log went.
    log = run / "log" / "000001.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    seventh = [number for number, line in enumerate(lines) if b'"kind":"rollout"' in line][7]
    log.write_bytes(b"".join(lines[:seventh]))
    (run / "manifest.json").unlink()
    assert annotate(settings(run, **base)).rollouts == whole.rollouts == 20
    assert artifacts(run) == artifacts(tmp_path / "whole")
    assert set(draws(run).values()) == {1}


def test_a_recording_that_lacks_draws_loses_those_alone(tmp_path, asked):
    texts = tmp_path / "texts.json"
    texts.write_bytes(
        orjson.dumps(
            {each.id: [continuation(each, "", number) for number in range(3)] for each in questions(4)}
        )
    )
    config = settings(
        tmp_path / "run",
        question_file=str(asked),
        model_type="recorded",
        model_name=str(texts),
        solutions="ignore",
        rollout_budget=4,
    )
    summary = annotate(config)
    assert summary.complete
    assert summary.lost == summary.excluded == 4
    assert all(tree.nodes[0].n_rollouts == 3 for tree in read_artifacts(tmp_path / "run"))


def test_a_recorded_run_can_grow(tmp_path, asked):
    base = {
        "question_file": str(asked),
        "model_type": "recorded",
        "model_name": "questions",
        "rollout_budget": 5,
    }
    for limit in (2, 4):
        summary = annotate(settings(tmp_path / "run", limit=limit, solutions="ignore", **base))
        assert summary.questions == limit


def test_replay_needs_no_engine_for_supplied_solutions(tmp_path):
    annotated(tmp_path / "run", asked=questions(4, solutions=5), rollout_budget=60)
    before = artifacts(tmp_path / "run")
    assert replay(tmp_path / "run").complete
    assert artifacts(tmp_path / "run") == before
    assert status(tmp_path / "run").complete
