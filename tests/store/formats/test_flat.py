import pytest

from omega_fast.store import Artifacts
from omega_fast.store.formats import FLAT, ExportOptions, FlatQuestion, FlatStep
from tests.store.formats.trees import artifacts, content, counted


def written(**options):
    chosen = ExportOptions(**options)
    return FLAT.to_json(next(FLAT.project(artifacts(), chosen)), chosen)


def test_every_estimated_prefix_is_listed_with_its_plain_estimate():
    steps = next(FLAT.project(artifacts(), ExportOptions())).steps
    assert [step.mc_value for step in steps] == [9 / 16, 0.5, 0.25, 0.0, 1.0]
    assert steps[3].prefix == "a\n\n b\r\n\nwrong"


def test_states_a_posterior_or_a_test_stopped_at_are_left_out_unless_drawn_from_for_their_soft_label():
    nodes = content()["nodes"]
    nodes[1] |= counted(3, 4, "posterior")
    nodes[2] |= counted(1, 1, "sequential") | {"soft": {"n_correct": 2, "n_rollouts": 8}}
    steps = next(FLAT.project(Artifacts.from_json({**content(), "nodes": nodes}), ExportOptions())).steps
    assert [step.mc_value for step in steps] == [9 / 16, 0.25, 0.0, 1.0]


def test_a_prefix_as_text_is_the_question_a_blank_line_and_the_solution_so_far():
    question = artifacts().question.problem
    prefixes = [step["solution_prefix"] for step in written()["reasoning_steps"]]
    assert prefixes[:2] == [question, question + "\n\na\n\n"]


def test_a_prefix_as_pair_is_the_question_and_the_solution_so_far():
    question = artifacts().question.problem
    prefixes = [step["solution_prefix"] for step in written(prefix_as="pair")["reasoning_steps"]]
    assert prefixes[:2] == [[question, ""], [question, "a\n\n"]]


@pytest.mark.parametrize("prefix", ["Q2\n\nx", "x", ["Q2", "x"], ["Q"], "Q\nx"])
def test_a_prefix_that_does_not_belong_to_the_question_is_refused(prefix):
    row = {"question": "Q", "final_answer": "1", "question_id": 1}
    with pytest.raises(ValueError, match=r"question|unpack"):
        FLAT.from_json({**row, "reasoning_steps": [{"solution_prefix": prefix, "mc_value": 0.5}]})


@pytest.mark.parametrize("prefix_as", ["text", "pair"])
@pytest.mark.parametrize("prefix", ["", "x", "\n\nx", " x ", "Q\n\nQ"])
def test_any_prefix_survives_either_form(prefix, prefix_as):
    row = FlatQuestion("Q", None, "q", (FlatStep(prefix, 0.5),))
    assert FLAT.from_json(FLAT.to_json(row, ExportOptions(prefix_as=prefix_as))) == row
