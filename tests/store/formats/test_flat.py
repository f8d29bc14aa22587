import pytest

from omega_fast.store import Artifacts
from omega_fast.store.formats import FLAT, ExportOptions, FlatQuestion, FlatStep
from tests.store.formats.trees import artifacts, content, counted


def written(**options):
    chosen = ExportOptions(**options)
    return FLAT.to_json(next(FLAT.project(artifacts(), chosen)), chosen)


def steps_of(**changes):
    """The steps of the tree with these nodes changed, `n1` being the first step's."""
    nodes = content()["nodes"]
    for name, change in changes.items():
        nodes[int(name[1:])] |= change
    row = next(FLAT.project(Artifacts.from_json({**content(), "nodes": nodes}), ExportOptions()))
    return {step.prefix: (step.mc_value, step.mc_value_from) for step in row.steps}


VALUE = {"value": {"mean": 0.4, "low": 0.2, "high": 0.7}}


def test_every_estimated_prefix_is_listed_with_an_unbiased_estimate_and_its_kind():
    assert list(steps_of().items()) == [
        ("", (9 / 16, "mean")),
        ("a\n\n", (0.5, "mean")),
        # One right draw, the fourth: 1/4 is too high.
        ("a\n\n b\r\n\n", (0.0, "inverse")),
        ("a\n\n b\r\n\nwrong", (0.0, "mean")),
        ("skip\n\ndeep", (1.0, "inverse")),
    ]


@pytest.mark.parametrize("rule", ["sequential", "posterior", "budget"])
def test_where_outcomes_ended_sampling_the_posterior_mean_stands_and_never_the_share_of_right_draws(rule):
    assert steps_of(n1=counted(3, 4, rule) | VALUE)["a\n\n"] == (0.4, "posterior_mean")
    assert "a\n\n" not in steps_of(n1=counted(3, 4, rule))


def test_a_state_never_drawn_from_has_what_the_posterior_makes_of_it():
    assert steps_of(n5=VALUE)["skip\n\n"] == (0.4, "posterior_mean")


def test_an_unbiased_estimate_goes_before_the_posterior_mean():
    soft = {"soft": {"n_correct": 2, "n_rollouts": 8}}
    assert steps_of(n1=counted(3, 4, "posterior") | VALUE | soft)["a\n\n"] == (0.25, "mean")
    assert steps_of(n1=VALUE)["a\n\n"] == (0.5, "mean")


def test_rows_of_openr_do_not_say_what_a_value_is_and_stay_as_they_are():
    row = {"question": "Q", "final_answer": "1", "question_id": 1}
    row["reasoning_steps"] = [{"solution_prefix": "Q\n\nx", "mc_value": 0.5}]
    assert FLAT.to_json(FLAT.from_json(row), ExportOptions()) == row


def test_a_kind_of_value_that_is_none_is_refused():
    step = {"solution_prefix": "Q\n\nx", "mc_value": 0.5, "mc_value_from": "hope"}
    row = {"question": "Q", "final_answer": "1", "question_id": 1, "reasoning_steps": [step]}
    with pytest.raises(ValueError, match="'hope' is none of mean, inverse, posterior_mean"):
        FLAT.from_json(row)


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
