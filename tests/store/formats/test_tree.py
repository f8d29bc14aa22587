import pytest

from omega_fast.store import Artifacts
from omega_fast.store.formats import TREE, ExportOptions, TreeNode
from tests.store.formats.trees import artifacts, content, counted


def written(text):
    chosen = ExportOptions(text=text)
    return TREE.to_json(next(TREE.project(artifacts(), chosen)), chosen)


def texts(node):
    return [node["text"], *(text for child in node["children"] for text in texts(child))]


def test_a_node_can_carry_its_own_step():
    question = artifacts().question.problem
    assert texts(written("step")["reasoning_steps"]) == [
        question,
        "a\n\n",
        " b\r\n\n",
        "wrong",
        "skip\n\ndeep",
    ]


def test_a_node_can_carry_everything_from_the_root_down():
    start = artifacts().question.problem + "\n\n"
    assert texts(written("cumulative")["reasoning_steps"]) == [
        start[:-2],
        start + "a\n\n",
        start + "a\n\n b\r\n\n",
        start + "a\n\n b\r\n\nwrong",
        start + "skip\n\ndeep",
    ]


def test_a_node_without_an_estimate_gives_its_text_to_the_ones_below():
    root = next(TREE.project(artifacts(), ExportOptions())).root
    assert root.children[1] == TreeNode("skip\n\ndeep", 1.0, mc_value_from="inverse")


def test_a_node_whose_draws_a_posterior_ended_has_the_posterior_mean():
    nodes = content()["nodes"]
    nodes[1] |= counted(3, 4, "posterior") | {"value": {"mean": 0.4, "low": 0.2, "high": 0.7}}
    row = next(TREE.project(Artifacts.from_json({**content(), "nodes": nodes}), ExportOptions()))
    shown = TREE.to_json(row, ExportOptions())["reasoning_steps"]["children"][0]
    assert (shown["mc_value"], shown["mc_value_from"]) == (0.4, "posterior_mean")
    assert TREE.from_json(TREE.to_json(row, ExportOptions())) == row


def test_both_kinds_of_text_are_told_apart_when_read():
    assert TREE.from_json(written("step")) == TREE.from_json(written("cumulative"))


def test_a_step_that_repeats_the_question_does_not_make_a_tree_cumulative():
    leaf = {"mc_value": 0.5, "children": []}
    repeating = {"text": "Q\n\nx", "mc_value": 0.5, "children": [{"text": "y", **leaf}]}
    row = {"question": "Q", "final_answer": "1", "question_id": 1}
    read = TREE.from_json({**row, "reasoning_steps": {"text": "Q", "mc_value": 1.0, "children": [repeating]}})
    assert read.root.children == (TreeNode("Q\n\nx", 0.5, (TreeNode("y", 0.5),)),)


def test_a_root_that_is_not_the_question_is_refused():
    root = {"text": "other", "mc_value": 1.0, "children": []}
    with pytest.raises(ValueError, match="not the question"):
        TREE.from_json({"question": "Q", "final_answer": "1", "question_id": 1, "reasoning_steps": root})
