"""`omega bench`: what it asks for, and what it prints."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Omega = Callable[..., Any]


def test_without_questions_or_a_model_the_embedded_task_is_searched(jobs: Any, omega: Omega) -> None:
    result = omega("bench")
    assert result.exit_code == 0, result.stderr
    config = jobs.asked["config"]
    assert (config.question_file, config.model_name) == ("ledger", "ledger-policy")
    assert config.separator == "\n"  # the preset of that task
    assert (jobs.asked["questions"], jobs.asked["tune"], jobs.asked["max_time"]) == (20, False, 300)
    assert "5,000 tokens/s" in result.stdout
    assert "97.0%" in result.stdout
    assert "120 us a draw" in result.stdout
    assert "tuned" not in result.stdout


@pytest.mark.parametrize("named", ["--model-name", "OMEGA_MODEL_NAME"])
def test_a_model_of_ones_own_needs_questions(
    jobs: Any, omega: Omega, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    if named.startswith("OMEGA"):
        monkeypatch.setenv(named, "my/model")
    result = omega("bench", *([] if named.startswith("OMEGA") else [named, "my/model"]))
    assert result.exit_code == 2
    assert "question_file is not set" in result.stderr
    assert jobs.asked == {}


def test_what_is_found_while_it_goes_on_is_told_on_stderr_harmlessly(jobs: Any, omega: Omega) -> None:
    result = omega("bench", "--json")
    assert "slots 64: 5,000 tokens/s" in result.stderr
    assert "\x1b" not in result.stderr
    said = json.loads(result.stdout)
    assert said["speeds"][0]["tokens_a_second"] == 5000
    assert (said["trials"], said["chosen"], said["recipe"]) == ([], {}, None)


def test_o_is_the_recipe_and_not_the_run_directory(jobs: Any, omega: Omega) -> None:
    result = omega("bench", "--tune", "-o", "fast.yaml", "--max-time", "60")
    assert result.exit_code == 0, result.stderr
    assert (jobs.asked["recipe"], jobs.asked["max_time"]) == (Path("fast.yaml"), 60)
    assert jobs.asked["config"].output_dir == Path("output_results")
    assert "fast.yaml" in result.stdout
    assert "128" in result.stdout


def test_o_of_the_other_commands_is_still_the_run_directory(jobs: Any, omega: Omega) -> None:
    assert omega("annotate", "--question-file", "ledger", "-o", "elsewhere").exit_code == 0
    assert jobs.asked["config"].output_dir == Path("elsewhere")
