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
