import pytest

from omega_fast.store import Artifacts
from omega_fast.store.formats import TRL, ExportOptions
from tests.store.formats.trees import artifacts, content


def rows(**changes):
    return list(TRL.project(Artifacts.from_json({**content(), **changes}), ExportOptions()))


def test_a_located_solution_goes_up_to_and_including_its_first_error_once():
    located = [row for row in rows() if not all(row.labels)]
    assert len(located) == 1
    assert located[0].completions == ("a\n\n", " b\r\n\n", "wrong")
    assert located[0].labels == (True, True, False)
    assert located[0].soft_labels == (0.5, 0.0, 0.0)


def test_a_right_rollout_is_a_row_once_if_all_its_steps_are_labelled():
    right = [row for row in rows() if all(row.labels)]
    assert [row.completions for row in right] == [("a\n\n", "b2 = 4")]
    assert right[0].soft_labels == (0.5, None)


def test_a_rollout_with_an_unlabelled_step_is_left_out():
    nodes = [
        {**node, "hard": None, "hard_rule": None} if node["id"] == 1 else node for node in content()["nodes"]
    ]
    assert all(not all(row.labels) for row in rows(nodes=nodes))


def test_a_wrong_rollout_never_counts_as_right():
    rollouts = [{**rollout, "verdict": "timeout"} for rollout in content()["rollouts"]]
    assert all(not all(row.labels) for row in rows(rollouts=rollouts))


def test_the_prompt_is_the_question():
    assert {row.prompt for row in rows()} == {artifacts().question.problem}


def test_rows_without_soft_labels_are_read():
    read = TRL.from_json({"prompt": "Q", "completions": ["a", "b"], "labels": [True, False]})
    assert read.soft_labels == (None, None)


def test_labels_that_do_not_fit_the_steps_are_refused():
    with pytest.raises(ValueError, match="differ in number"):
        TRL.from_json({"prompt": "Q", "completions": ["a", "b"], "labels": [True]})


def test_a_row_carries_the_id_of_its_question_and_needs_none(tmp_path):
    assert {row.question_id for row in rows()} == {"q-1"}
    read = TRL.from_json({"prompt": "Q", "completions": ["a"], "labels": [True]})
    assert read.question_id is None
    TRL.write_rows(tmp_path / "rows.parquet", [*rows(), read])
    assert list(TRL.read(tmp_path / "rows.parquet")) == [*rows(), read]


def test_a_step_without_an_estimate_has_a_null(tmp_path):
    TRL.write_rows(tmp_path / "rows.jsonl", rows())
    assert '"soft_labels":[0.5,null]' in (tmp_path / "rows.jsonl").read_text()
