import random

import pytest

from omega_fast.records import FinishReason, Generation
from omega_fast.spending.account import Account
from omega_fast.spending.forecast import LEAST_QUESTIONS, outlook


def generation(n_tokens: int) -> Generation:
    return Generation(0, "", (), (), n_tokens, 5, FinishReason.STOP)


def account_of(costs: list[int], gains: list[int], total: int | None = None) -> Account:
    account = Account()
    account.questions = total or len(costs)
    for number, (cost, gain) in enumerate(zip(costs, gains, strict=True)):
        for _ in range(cost):
            account.pay(f"q{number}", generation(10))
        account.finish(number, f"q{number}", labels=gain, located=gain // 2)
    return account


def test_nothing_is_forecast_from_too_few_questions() -> None:
    few = LEAST_QUESTIONS - 1
    assert outlook(account_of([16] * few, [4] * few)) is None


def test_equal_questions_are_forecast_exactly() -> None:
    found = outlook(account_of([16] * 10, [4] * 10, total=30))
    assert found is not None
    assert found.label is not None
    assert found.label.rollouts.value == 4
    assert found.label.rollouts.low == pytest.approx(4)
    assert found.label.tokens.value == 40
    assert found.first_error is not None
    assert found.first_error.rollouts.value == 8
    assert found.left.rollouts.value == 20 * 16
    assert found.label.cost is None


def test_what_unfinished_questions_have_paid_is_not_left() -> None:
    account = account_of([16] * 10, [4] * 10, total=12)
    for _ in range(6):
        account.pay("q10", generation(10))
    found = outlook(account)
    assert found is not None
    assert found.left.rollouts.value == 2 * 16 - 6


def test_no_first_error_has_no_price() -> None:
    found = outlook(account_of([16] * 10, [1] * 10))
    assert found is not None
    assert found.first_error is None
    assert found.left.rollouts.high == 0


def test_questions_that_overtook_their_elders_are_left_out() -> None:
    account = account_of([100] * 10, [4] * 10, total=40)
    for number in range(11, 20):
        account.pay(f"q{number}", generation(1))
        account.finish(number, f"q{number}", labels=4, located=1)
    found = outlook(account)
    assert found is not None
    assert found.label is not None
    assert found.label.rollouts.value == 25


def test_overtakers_alone_forecast_nothing() -> None:
    account = Account()
    account.questions = 40
    for number in range(1, 20):
        account.pay(f"q{number}", generation(1))
        account.finish(number, f"q{number}", labels=1, located=0)
    assert outlook(account) is None


def test_the_interval_holds_what_the_rest_then_costs_nineteen_times_in_twenty() -> None:
    draw = random.Random(7)
    held = 0
    rounds = 400
    for _ in range(rounds):
        costs = [draw.choice([4, 16, 40, 60]) for _ in range(60)]
        gains = [max(1, cost // 8 + draw.randint(-1, 1)) for cost in costs]
        found = outlook(account_of(costs[:20], gains[:20], total=60))
        assert found is not None
        assert found.label is not None
        expected = found.label.rollouts
        held += expected.low <= sum(costs[20:]) / sum(gains[20:]) <= expected.high
    assert 0.92 <= held / rounds <= 0.98
