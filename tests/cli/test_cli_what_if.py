"""`omega replay --set`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import FakeJobs

Omega = Callable[..., Any]


def test_settings_and_folder_are_passed_on_and_signs_in_values_kept(omega: Omega, jobs: FakeJobs) -> None:
    changes = ("--set", "locate=bayes", "--set", "split-pattern=a=b", "--set", "separator=")
    assert omega("replay", "runs/a", *changes, "-o", "out").exit_code == 0
    assert jobs.asked == {
        "run": Path("runs/a"),
        "settings": {"locate": "bayes", "split_pattern": "a=b", "separator": ""},
        "output": Path("out"),
    }


def test_a_folder_alone_makes_a_copy_under_the_same_settings(omega: Omega, jobs: FakeJobs) -> None:
    assert omega("replay", "runs/a", "-o", "out").exit_code == 0
    assert jobs.asked == {"run": Path("runs/a"), "settings": {}, "output": Path("out")}


@pytest.mark.parametrize("change", ["locate", "=bayes", " =x"])
def test_what_sets_nothing_is_refused(omega: Omega, jobs: FakeJobs, change: str) -> None:
    result = omega("replay", "runs/a", "--set", change)
    assert result.exit_code == 2
    assert "sets nothing" in result.stderr
    assert "write --set NAME=VALUE" in result.stderr


def test_a_setting_is_set_once(omega: Omega, jobs: FakeJobs) -> None:
    result = omega("replay", "runs/a", "--set", "num-rollouts=3", "--set", "num_rollouts=4")
    assert result.exit_code == 2
    assert "num_rollouts comes twice" in result.stderr


def test_the_table_has_both_sides_and_the_reach(omega: Omega, jobs: FakeJobs) -> None:
    result = omega("replay", "runs/a", "--set", "locate=bayes")
    for said in (
        "binary -> bayes",
        "91.7% of 1,200 wanted",
        "1,100 of 4,000 recorded",
        "1 of 3 questions",
        "1 question, in search 2 (median)",
        "the run, same questions",
    ):
        assert said in result.stdout
    assert "1 question stopped where the log lacks a draw" in result.stderr
    assert "not begun: 1 question," in result.stderr
