import json
from collections.abc import Callable
from typing import Any

import pytest

from omega_fast.cli.exits import ExitCode
from omega_fast.spending.forecast import Expected, Outlook, Price
from tests.cli.conftest import FakeJobs

ANNOTATE = ("annotate", "--question-file", "q.json", "--model-name", "m", "--max-tokens", "40000")
Omega = Callable[..., Any]
PRICE = Price(Expected(16.25, 14, 18.5), Expected(320, 300, 340), Expected(0.00123456, 0.001, 0.0015))
STOPPED = {"complete": False, "finished": 2, "stopped_by": "max_tokens"}


def test_a_spent_budget_has_its_own_exit_status_and_says_how_to_go_on(omega: Omega, jobs: FakeJobs) -> None:
    jobs.changes = STOPPED
    result = omega(*ANNOTATE)
    assert result.exit_code == ExitCode.BUDGET == 9
    assert "--max-tokens 40,000 is reached with 34,567 tokens, 2 of 3 questions finished" in result.stderr
    assert "the same command with more of it goes on" in result.stderr


def test_what_was_written_off_is_told_where_it_counts(omega: Omega, jobs: FakeJobs) -> None:
    jobs.changes = STOPPED | {"tokens_written_off": 4096}
    result = omega(*ANNOTATE)
    assert "34,567 tokens and 4,096 written off" in result.stderr


def test_time_that_is_up_says_that_the_same_command_goes_on(omega: Omega, jobs: FakeJobs) -> None:
    jobs.changes = STOPPED | {"stopped_by": "max_time"}
    result = omega(*ANNOTATE, "--max-time", "1h30m")
    assert result.exit_code == ExitCode.BUDGET
    assert "--max-time 5400 s is up" in result.stderr


def test_money_is_named_with_its_currency(omega: Omega, jobs: FakeJobs) -> None:
    jobs.changes = STOPPED | {"stopped_by": "max_cost", "cost": 1.23456, "currency": "EUR"}
    result = omega(*ANNOTATE, "--max-cost", "1.25", "--price-file", "p.yaml")
    assert "--max-cost 1.25 is reached with 1.235 EUR" in result.stderr


def test_status_of_a_spent_run_is_no_failure(omega: Omega, jobs: FakeJobs) -> None:
    jobs.changes = STOPPED
    result = omega("status", "runs/a")
    assert result.exit_code == 0
    assert "max_tokens" in result.stdout


@pytest.mark.parametrize("command", [("status", "runs/a"), ANNOTATE])
def test_the_forecast_is_shown_and_in_json(omega: Omega, jobs: FakeJobs, command: tuple[str, ...]) -> None:
    outlook = Outlook(20, label=PRICE, first_error=None, question=PRICE, left=PRICE, currency="EUR")
    jobs.changes = {"outlook": outlook, "cost": 2.0, "currency": "EUR"}
    text = omega(*command).stdout
    assert "16.2 (14 to 18.5) rollouts, 320 (300 to 340) tokens, 0.001235 (0.001 to 0.0015) EUR" in text
    assert "next first error" not in text
    data = json.loads(omega(*command, "--json").stdout)
    assert data["outlook"]["label"]["rollouts"] == {"value": 16.25, "low": 14, "high": 18.5}
    assert data["outlook"]["first_error"] is None
    assert data["cost"] == 2.0
