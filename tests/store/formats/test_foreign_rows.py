"""Rows as other people write them, beyond those this package writes itself."""

import pytest

from omega_fast.store import Artifacts
from omega_fast.store.formats import FORMATS, ExportOptions, LabelledSolution, Preference
from omega_fast.store.formats.labelled import labelled, wholly_labelled
from tests.store.formats.trees import artifacts, content


def read(name, row):
    chosen = FORMATS[name]
    return list(chosen.to_solutions([chosen.from_json(row)]))


def test_math_shepherd_ends_steps_where_its_texts_differ_not_where_the_marker_stands():
    row = {
        "input": "Q? Step 1: ки is a word ки\nStep 2: end ки\n",
        "label": "Q? Step 1: ки is a word +\nStep 2: end -\n",
    }
    (solution,) = read("math-shepherd", row | {"task": "MATH"})
    assert solution.steps == ("ки is a word", "end")
    assert solution.hard == (True, False)
    assert (solution.question, solution.source) == ("Q?", "MATH")


@pytest.mark.parametrize(
    ("shown", "label"),
    [
        ("Q Step 1: a ки", "Q Step 1: b +"),
        ("Q Step 1: a ки", "Q Step 1: a ?"),
        ("Q Step 1: a ки more", "Q Step 1: a + more"),
        ("Q Step 1: a ки", "Q Step 1: a +\nStep 2: b +"),
        ("Q a ки", "Q a +"),
        ("Q", "Q"),
    ],
)
def test_math_shepherd_refuses_texts_that_do_not_fit(shown, label):
    with pytest.raises(ValueError, match=r"."):
        FORMATS["math-shepherd"].from_json({"input": shown, "label": label, "task": ""})


def test_a_question_on_a_line_of_its_own_keeps_no_blank():
    row = {"input": "Q\nStep 1: a ки", "label": "Q\nStep 1: a +", "task": ""}
    assert read("math-shepherd", row)[0].question == "Q"


def test_openrlhf_reads_numbers_as_soft_labels():
    (solution,) = read("openrlhf", {"input": "Q Step 1: a ки\nStep 2: b ки", "value": [0.5, 0]})
    assert (solution.steps, solution.soft, solution.hard) == (("a", "b"), (0.5, 0.0), (None, None))


def test_rlhflow_reads_steps_without_numbers_but_the_first():
    turns = [("user", "Q Step 1: a"), ("assistant", "+"), ("user", "b"), ("assistant", " - ")]
    row = {"conversations": [{"content": said, "role": role} for role, said in turns]}
    (solution,) = read("rlhflow", row)
    assert (solution.question, solution.steps, solution.hard) == ("Q", ("a", "b"), (True, False))
    with pytest.raises(ValueError, match="take turns"):
        read("rlhflow", {"conversations": row["conversations"][1:]})


def test_verl_rows_of_other_people_give_question_and_answer():
    row = {
        "data_source": "openai/gsm8k",
        "prompt": [{"role": "system", "content": "S"}, {"role": "user", "content": "Q think"}],
        "ability": "math",
        "reward_model": {"style": "rule", "ground_truth": "72"},
        "extra_info": {"split": "train", "index": 0, "question": "Q"},
    }
    assert read("verl", row) == [LabelledSolution("Q", (), (), (), "72", None, "openai/gsm8k")]
    assert read("verl", row | {"extra_info": None})[0].question == "Q think"


def test_qwen_rows_need_no_system_prompt_and_no_soft_labels():
    messages = [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "a<extra_0>b<extra_0>"}]
    (solution,) = read("qwen-prm", {"messages": messages, "labels": [True, 0]})
    assert (solution.steps, solution.hard, solution.soft) == (("a", "b"), (True, False), (None, None))


@pytest.mark.parametrize(
    "row", [{"a": "Q", "b": "s", "c": "0.5"}, {"prefix": "Q", "step": "s", "value": 0.5}]
)
def test_three_columns_of_any_name_are_steps(row):
    (solution,) = read("steps", row)
    assert (solution.question, solution.steps, solution.soft) == ("Q", ("s",), (0.5,))


def test_a_sheet_needs_no_line_of_names(tmp_path):
    (tmp_path / "rows.csv").write_text('"Q\n",s,0.5\nR,t,1\n')
    assert [(row.prefix, row.value) for row in FORMATS["steps"].read(tmp_path / "rows.csv")] == [
        ("Q\n", 0.5),
        ("R", 1.0),
    ]


def test_steps_without_separators_get_them_in_a_prefix():
    rows = FORMATS["steps"].from_solution(labelled("Q", ("a", "b", "c"), (True, None, False)))
    assert [(row.prefix, row.step, row.value) for row in rows] == [
        ("Q", "a\n\n", 1.0),
        ("Q\n\na\n\nb\n\n", "c", 0.0),
    ]


@pytest.mark.parametrize("label", [True, 2, -2, "1", None])
def test_processbench_refuses_labels_that_are_no_position(label):
    row = {"id": "1", "generator": "m", "problem": "Q", "steps": ["a", "b"], "final_answer_correct": True}
    with pytest.raises((ValueError, TypeError)):
        FORMATS["processbench"].from_json(row | {"label": label})


def test_processbench_says_nothing_of_steps_after_the_error():
    solution = labelled("Q", ("a", "b", "c"), (True, False, True), correct=False)
    (row,) = FORMATS["processbench"].from_solution(solution)
    assert row.hard == (True, False, None)
    with pytest.raises(ValueError, match="before the first error"):
        FORMATS["processbench"].from_solution(labelled("Q", ("a", "b"), (None, False)))


def test_unlabelled_steps_at_the_end_are_cut_off_and_gaps_refused():
    assert wholly_labelled(labelled("Q", ("a", "b", "c"), (True, False, None))).steps == ("a", "b")
    with pytest.raises(ValueError, match="step 2 has no hard label, but a later one has"):
        wholly_labelled(labelled("Q", ("a", "b", "c"), (True, None, False)))


def test_outcomes_are_all_judged_rollouts_with_what_stood_before_them():
    rollouts = [
        {**rollout, "verdict": "timeout"} if rollout["id"] == 4 else rollout
        for rollout in content()["rollouts"]
    ]
    tree = Artifacts.from_json({**content(), "rollouts": rollouts})
    rows = list(FORMATS["ce"].project(tree, ExportOptions()))
    assert [row.label for row in rows] == [False, True, True, True]
    assert rows[1].response == "a\n\nb2 = 4"


def test_pairs_are_of_rollouts_from_the_same_state():
    rows = list(FORMATS["dpo"].project(artifacts(), ExportOptions()))
    assert rows == [Preference(artifacts().question.problem, "a\n\nb2 = 4", "a\n\n b\r\n\nwrong")]


def test_a_restated_question_does_not_make_a_tree_of_steps_cumulative():
    tree = FORMATS["tree"]
    question = {**content()["question"], "problem": "Q"}
    restated = [{**content()["nodes"][0]}, {**content()["nodes"][1], "step": "Q\n\na"}]
    only = Artifacts.from_json(
        {**content(), "question": question, "nodes": restated, "rollouts": [], "searches": []}
    )
    (row,) = tree.project(only, ExportOptions())
    assert tree.from_json(tree.to_json(row, ExportOptions(text="step"))) == row
