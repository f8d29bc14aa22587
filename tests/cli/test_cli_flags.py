import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from omega_fast.config import AnnotateConfig
from tests.cli.conftest import FakeJobs

PUBLISHED = """
    --question_file ../extracted_problems_and_answers.json
    --output_dir output_results
    --model_name "Your model name or path "
    --model_type hf
    --device "cuda"
    --max_new_tokens 2048
    --temperature 0.7
    --top_k 30
    --top_p 0.9
    --c_puct 0.125
    --alpha 0.5
    --beta 0.9
    --length_scale 500
    --num_rollouts 16
    --max_search_count 20
    --rollout_budget 200
    --save_data_tree True
    --log_file_prefix "log/omega_prm_single_gpu"
"""
QUESTIONS = ("--question-file", "q.json", "--model-name", "m")


def test_the_published_runners_flags_work_as_they_stand(omega: Callable[..., Any], jobs: FakeJobs) -> None:
    result = omega("annotate", *shlex.split(PUBLISHED))
    assert result.exit_code == 0, result.stderr
    assert jobs.asked["config"] == AnnotateConfig(
        question_file="../extracted_problems_and_answers.json",
        output_dir=Path("output_results"),
        model_name="Your model name or path",
        device="cuda",
        save_data_tree=True,
        log_file_prefix="log/omega_prm_single_gpu",
    )


@pytest.mark.parametrize("command", ["annotate", "preview", "estimate"])
def test_every_setting_has_a_flag_in_both_spellings(
    omega: Callable[..., Any], jobs: FakeJobs, command: str
) -> None:
    shown = omega(command, "--help").stdout
    for name, field in AnnotateConfig.model_fields.items():
        spelt = f"--{name}" if field.annotation is not bool else f"--no_{name}"
        assert f"--{name.replace('_', '-')}" in shown
        assert "No such option" not in omega(command, *QUESTIONS, spelt).stderr


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        (["--save-data-tree"], True),
        (["--no-save-data-tree"], False),
        (["--save_data_tree", "False"], False),
        (["--save_data_tree=False"], False),
        (["--save_data_tree", "True"], True),
        (["--no_save_data_tree", "true"], False),
        ([], True),
    ],
)
def test_switches_take_a_value_or_none(
    omega: Callable[..., Any], jobs: FakeJobs, flag: list[str], value: bool
) -> None:
    assert omega("annotate", *flag, *QUESTIONS).exit_code == 0
    assert jobs.asked["config"].save_data_tree is value


def test_what_follows_a_switch_is_not_swallowed(omega: Callable[..., Any], jobs: FakeJobs) -> None:
    assert omega("annotate", "--save-data-tree", *QUESTIONS).exit_code == 0
    assert jobs.asked["config"].question_file == "q.json"


def test_the_value_of_an_option_is_left_as_it_is(omega: Callable[..., Any], jobs: FakeJobs) -> None:
    assert (
        omega("annotate", *QUESTIONS, "--separator", "--top_k", "--stop", r"\nQ:", "--stop=a_b").exit_code
        == 0
    )
    assert jobs.asked["config"].separator == "--top_k"
    assert jobs.asked["config"].stop == ("\nQ:", "a_b")


def test_escapes_in_a_separator_are_undone(omega: Callable[..., Any], jobs: FakeJobs) -> None:
    assert omega("annotate", *QUESTIONS, "--separator", r"\n").exit_code == 0
    assert jobs.asked["config"].separator == "\n"


def test_flags_win_over_environment_over_recipe_over_preset(
    omega: Callable[..., Any], jobs: FakeJobs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    recipe = tmp_path / "r.yaml"
    recipe.write_text("num_rollouts: 9\nalpha: 0.4\nbeta: 0.7\n")
    monkeypatch.setenv("OMEGA_ALPHA", "0.3")
    monkeypatch.setenv("OMEGA_BETA", "0.6")
    result = omega("annotate", *QUESTIONS, "--preset", "paper", "--recipe", str(recipe), "--beta", "0.5")
    assert result.exit_code == 0
    config = jobs.asked["config"]
    assert (config.max_search_count, config.num_rollouts, config.alpha, config.beta) == (100, 9, 0.3, 0.5)


def test_preview_and_estimate_take_flags_of_their_own(omega: Callable[..., Any], jobs: FakeJobs) -> None:
    assert omega("preview", *QUESTIONS, "--question_id", "q-1", "-n", "3").exit_code == 0
    assert (jobs.asked["question_id"], jobs.asked["n"]) == ("q-1", 3)
    assert omega("estimate", *QUESTIONS, "--questions", "5").exit_code == 0
    assert jobs.asked["questions"] == 5


def test_an_option_that_is_none_is_refused(omega: Callable[..., Any], jobs: FakeJobs) -> None:
    result = omega("annotate", *QUESTIONS, "--num-rolouts", "3")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--num-rollouts" in result.stderr
