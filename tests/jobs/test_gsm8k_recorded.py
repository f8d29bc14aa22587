"""Published GSM8K solutions through the whole job: every verdict is the published one."""

from __future__ import annotations

import pytest

from omega_fast.config import AnnotateConfig
from omega_fast.jobs import annotate, replay
from omega_fast.search.projection import read_artifacts
from omega_fast.tasks.read import read_questions
from tests.engine.runs import artifacts

pytestmark = pytest.mark.data


def test_verdicts_of_a_recorded_run_are_the_published_flags(tmp_path, data_folder):
    path = data_folder / "gsm8k" / "example_model_solutions.jsonl"
    config = AnnotateConfig(
        question_file=str(path),
        model_type="recorded",
        model_name="questions",
        solutions="ignore",
        num_rollouts=4,
        rollout_budget=4,
        max_search_count=0,
        output_dir=tmp_path / "run",
    )
    summary = annotate(config)
    assert (summary.questions, summary.rollouts, summary.complete) == (1319, 5276, True)
    published = {question.id: question.solutions for question in read_questions(path, quarantine=pytest.fail)}
    for tree in read_artifacts(tmp_path / "run"):
        solutions = published.pop(tree.question.id)
        assert [rollout.text for rollout in tree.rollouts] == [solution.text for solution in solutions]
        flags = [solution.correct for solution in solutions]
        assert [rollout.verdict == "correct" for rollout in tree.rollouts] == flags
        assert tree.nodes[0].n_rollouts == 4
        assert tree.nodes[0].n_correct == sum(flags)
    assert not published
    before = artifacts(tmp_path / "run")
    replay(tmp_path / "run")
    assert artifacts(tmp_path / "run") == before
