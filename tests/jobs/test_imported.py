"""Solutions of another format, imported, annotated step by step as that format cut them, and exported again."""

import pytest

from omega_fast.exchange import import_questions
from omega_fast.jobs import export
from omega_fast.search.projection import read_artifacts
from omega_fast.store.formats import FORMATS, LabelledSolution
from omega_fast.tasks.read import read_questions
from tests.engine.fakes import questions
from tests.engine.runs import annotated


@pytest.fixture
def run(tmp_path):
    rows = []
    for each in questions(4, solutions=3):
        for solution in each.solutions:
            steps = tuple(solution.text.splitlines())
            unknown = (None,) * len(steps)
            rows.append(LabelledSolution(each.problem, steps, unknown, unknown, each.answer, each.id, "them"))
    FORMATS["verl"].write_rows(tmp_path / "theirs.parquet", rows)
    import_questions(tmp_path / "theirs.parquet", tmp_path / "ours.jsonl", separator="\n")
    asked = list(read_questions(tmp_path / "ours.jsonl", quarantine=lambda fault: pytest.fail(str(fault))))
    # This separator is in none of them: only the steps that were imported can cut them.
    annotated(tmp_path / "run", asked=asked, solutions="label", rollout_budget=100, separator="|")
    return tmp_path / "run"


def test_imported_solutions_are_searched_along_the_steps_they_came_with(run):
    supplied = {
        each.id: {step.text.replace("\n", "") for step in each.solutions}
        for each in questions(4, solutions=3)
    }
    located = 0
    for tree in read_artifacts(run):
        assert {rollout.source for rollout in tree.rollouts} <= {"supplied:them", "policy"}
        for search in tree.searches:
            if search.error_node is not None:
                located += 1
                path = tree.path(search.error_node)
                assert all(node.step.count("\n") <= 1 for node in path)
                text = "".join(node.step for node in path).replace("\n", "")
                assert any(solution.startswith(text) for solution in supplied[tree.question.id])
    assert located > 0


def test_what_was_found_in_them_leaves_in_their_format(run, tmp_path):
    assert export(run, format="verl", output=tmp_path / "labelled.jsonl").rows > 0
    rows = list(FORMATS["verl"].read(tmp_path / "labelled.jsonl"))
    assert {row.source for row in rows if row.first_error is not None} == {"supplied:them"}
