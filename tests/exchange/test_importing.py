import json

import pytest

from omega_fast.errors import ConfigError
from omega_fast.exchange import import_questions
from omega_fast.records import Solution
from omega_fast.store.formats import FORMATS, ExportOptions, LabelledSolution
from omega_fast.tasks.read import read_questions
from tests.store.formats.trees import artifacts

FIRST = LabelledSolution("Q", ("a", "b"), (True, False), (None, None), "4", "q-1", "m", False)
SECOND = LabelledSolution("Q", ("a\n", "c"), (True, True), (0.5, 1.0), "4", "q-1")
OTHER = LabelledSolution("R", (), (), (), "5", None)


def questions(path):
    faults = []
    found = list(read_questions(path, quarantine=faults.append))
    assert faults == []
    return found


def test_solutions_become_questions_that_annotate_reads(tmp_path):
    FORMATS["verl"].write_rows(tmp_path / "in.jsonl", [FIRST, SECOND, OTHER])
    done = import_questions(tmp_path / "in.jsonl", tmp_path / "run.jsonl")
    assert (done.questions, done.solutions, done.unanswered, done.quarantined) == (2, 2, 0, 0)
    first, other = questions(tmp_path / "run.jsonl")
    assert (first.id, first.problem, first.answer) == ("q-1", "Q", "4")
    assert first.solutions == (
        Solution("a\n\nb", ("a\n\n", "b"), "m", False),
        Solution("a\nc", ("a\n", "c")),
    )
    assert (other.problem, other.answer, other.solutions) == ("R", "5", ())


def test_the_separator_can_be_chosen(tmp_path):
    FORMATS["verl"].write_rows(tmp_path / "in.jsonl", [FIRST])
    import_questions(tmp_path / "in.jsonl", tmp_path / "run.jsonl", separator="\n")
    (question,) = questions(tmp_path / "run.jsonl")
    assert question.solutions[0].steps == ("a\n", "b")


def test_the_labels_they_came_with_stay_beside_them(tmp_path):
    FORMATS["verl"].write_rows(tmp_path / "in.jsonl", [SECOND])
    import_questions(tmp_path / "in.jsonl", tmp_path / "run.jsonl")
    (solution,) = json.loads((tmp_path / "run.jsonl").read_text())["solutions"]
    assert (solution["labels"], solution["soft_labels"]) == ([True, True], [0.5, 1.0])


def test_questions_without_gold_are_counted(tmp_path):
    FORMATS["trl"].write_rows(tmp_path / "in.jsonl", FORMATS["trl"].from_solution(FIRST))
    assert import_questions(tmp_path / "in.jsonl", tmp_path / "run.jsonl").unanswered == 1
    faults = []
    (question,) = read_questions(tmp_path / "run.jsonl", "jsonl-unanswered", quarantine=faults.append)
    assert question.answer is None


@pytest.mark.parametrize("name", ["verl", "tree", "prm800k"])
def test_the_formats_that_are_named_for_keeping_gold_keep_it(tmp_path, name):
    FORMATS[name].write(tmp_path / "in.jsonl", [artifacts()], ExportOptions(seed=1))
    done = import_questions(tmp_path / "in.jsonl", tmp_path / "run.jsonl")
    assert (done.source, done.unanswered) == (name, 0)
    assert {each.answer for each in questions(tmp_path / "run.jsonl")} == {artifacts().question.answer}


def test_an_id_that_another_question_had_is_left_out(tmp_path):
    other = LabelledSolution("R", ("c",), (True,), (None,), "5", "q-1")
    FORMATS["verl"].write_rows(tmp_path / "in.jsonl", [FIRST, other])
    import_questions(tmp_path / "in.jsonl", tmp_path / "run.jsonl")
    first, second = questions(tmp_path / "run.jsonl")
    assert (first.id, second.problem) == ("q-1", "R")
    assert second.id != "q-1"


def test_bad_rows_are_set_aside(tmp_path):
    FORMATS["verl"].write_rows(tmp_path / "in.jsonl", [FIRST])
    with (tmp_path / "in.jsonl").open("a") as file:
        file.write("{\n")
    done = import_questions(tmp_path / "in.jsonl", tmp_path / "run.jsonl")
    assert (done.questions, done.quarantined) == (1, 1)
    assert done.quarantine.exists()


def test_a_format_without_solutions_is_refused(tmp_path):
    (tmp_path / "in.jsonl").write_text('{"prompt": "Q", "chosen": "a", "rejected": "b"}\n')
    with pytest.raises(ConfigError, match="holds no labelled solutions"):
        import_questions(tmp_path / "in.jsonl", tmp_path / "run.jsonl")
