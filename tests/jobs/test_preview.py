"""A look before a run, with the shipped policy."""

from __future__ import annotations

import pytest

from omega_fast.config import resolve
from omega_fast.errors import InputError
from omega_fast.jobs import estimate, preview

pytest.importorskip("torch")


@pytest.fixture
def config(tmp_path):
    small = {"question_file": "ledger", "limit": 4, "slots": 16, "threads": 1, "num_rollouts": 2}
    return resolve(env={}, overrides={**small, "rollout_budget": 6, "output_dir": tmp_path / "run"})


def test_a_preview_shows_the_prompt_its_tokens_and_a_draw_cut_into_steps(config, tmp_path):
    shown = preview(config, n=2)
    assert len(shown) == 2
    for each in shown:
        assert each.text.endswith("?\n")
        assert len(each.token_ids) > 10
        assert each.steps
        assert all(step.endswith("\n") for step in each.steps[:-1])
        assert each.retokenised == 0
    assert any(each.steps[-1].startswith("answer") for each in shown)
    assert not (tmp_path / "run").exists()


def test_a_preview_of_a_named_question_shows_that_one(config):
    first, second = preview(config, n=2)
    (named,) = preview(config, question_id=second.question_id)
    assert named.text == second.text != first.text
    with pytest.raises(InputError, match="there is no question nobody"):
        preview(config, question_id="nobody")


def test_an_estimate_scales_a_few_questions_up_and_leaves_nothing(config, tmp_path):
    cost = estimate(config, questions=2)
    assert (cost.questions, cost.forecast_questions) == (2, 4)
    assert 4 <= cost.rollouts <= 12
    assert cost.forecast_tokens == 2 * cost.tokens > 0
    assert cost.forecast_hours > 0
    assert not (tmp_path / "run").exists()


def test_a_preview_counts_the_tokens_of_each_step_and_says_what_ended_the_draw(config):
    (shown,) = preview(config)
    assert len(shown.step_tokens) == len(shown.steps)
    assert all(shown.step_tokens)
    assert shown.ended == "stop"
    assert not shown.problem
    assert not shown.opens_thought
    short = config.model_copy(update={"max_new_tokens": 5})
    (cut,) = preview(short)
    assert (cut.ended, sum(cut.step_tokens)) == ("length", 5)


def test_a_preview_names_the_cuts_that_fall_inside_a_token(config):
    # A register is one token with the blank before it, so a cut after every blank falls inside.
    (shown,) = preview(config.model_copy(update={"split_pattern": " ", "separator": "\n"}))
    assert shown.retokenised == len(shown.retokenised_after) > 0
    assert max(shown.retokenised_after) < len(shown.steps)
    (by_line,) = preview(config)
    assert sum(shown.step_tokens) == sum(by_line.step_tokens)


def test_a_preview_of_an_engine_without_tokens_says_that_every_cut_is_tokenised_again(tmp_path):
    questions = tmp_path / "questions.jsonl"
    questions.write_text('{"id": "a", "problem": "1 + 1?", "answer": "2"}\n')
    recorded = tmp_path / "recorded.json"
    recorded.write_text('{"a": ["one\\n\\ntwo\\n\\n\\\\boxed{2}"]}')
    config = resolve(
        env={},
        overrides={"question_file": str(questions), "model_type": "recorded", "model_name": str(recorded)},
    )
    (shown,) = preview(config)
    assert len(shown.steps) == 3
    assert shown.retokenised_after == (1, 2)
    assert shown.step_tokens == ()


def test_a_preview_says_why_there_is_no_solution(tmp_path):
    questions = tmp_path / "questions.jsonl"
    questions.write_text('{"id": "a", "problem": "1 + 1?", "answer": "2"}\n')
    recorded = tmp_path / "recorded.json"
    recorded.write_text('{"b": ["x"]}')
    config = resolve(
        env={},
        overrides={"question_file": str(questions), "model_type": "recorded", "model_name": str(recorded)},
    )
    (shown,) = preview(config)
    assert shown.steps == ()
    assert shown.problem
