from decimal import Decimal

import pytest

from omega_fast.backends.base import Prompt
from omega_fast.records import FinishReason, Generation, GenerationRequest, Question, Usage
from omega_fast.spending.account import Account
from omega_fast.spending.prices import Prices
from omega_fast.spending.purse import Purse, RunBudgets

QUESTION = Question("q", "six", "6")
PRICES = Prices(Decimal(1), Decimal(1), Decimal(10))


def request(number: int = 0, prefix: str = "", longest: int = 100) -> GenerationRequest:
    return GenerationRequest(number, QUESTION, prefix, None, 1, longest)


def came(n_tokens: int, prompt: int = 3, usage: Usage | None = None) -> Generation:
    return Generation(0, "", (), (), n_tokens, prompt, FinishReason.STOP, usage=usage)


def purse(account: Account, now: list[float] | None = None, **limits: object) -> Purse:
    budgets = RunBudgets(**limits)  # type: ignore[arg-type]
    times = [0.0] if now is None else now
    return Purse(budgets, account, lambda _: Prompt("six", (1, 2, 3)), lambda: times[0])


def test_the_longest_continuation_is_set_aside_until_the_draw_is_home() -> None:
    account = Account()
    limited = purse(account, max_tokens=250)
    first, second = limited.take(request(0)), limited.take(request(1))
    assert first is not None
    assert second is not None
    assert limited.take(request(2)) is None
    account.pay("q", came(20))
    limited.give_back(first)
    assert limited.take(request(2)) is not None
    assert not limited.reached


def test_a_budget_is_reached_when_not_even_one_draw_fits_and_says_which() -> None:
    account = Account()
    account.pay("q", came(160))
    limited = purse(account, max_tokens=250)
    assert limited.take(request()) is None
    limited.stop_short_of(request())
    assert limited.reached == "max_tokens"


def test_money_covers_prompt_and_prefix_whatever_tokens_they_turn_out_to_be() -> None:
    account = Account()
    limited = purse(account, max_cost=Decimal("0.01"), prices=PRICES)
    aside = limited.take(request(prefix="ab\n"))
    assert aside is not None
    assert aside.prompt >= len("ab\n") + 3
    assert aside.generated == 100


def test_what_a_server_says_it_bills_is_what_counts() -> None:
    account = Account()
    account.pay("q", came(10, 5, Usage(50, 40, 12)))
    account.pay("q", came(10, 5))
    assert account.usage == Usage(55, 40, 22)
    assert account.tokens == 20


def test_a_longer_template_than_was_thought_is_set_aside_from_then_on() -> None:
    limited = purse(Account(), max_cost=Decimal(1), prices=PRICES)
    before = limited.take(request())
    assert before is not None
    limited.learn_prompt(before, Usage(before.prompt + 500, 0, 1))
    after = limited.take(request())
    assert after is not None
    assert after.prompt == before.prompt + 500


def test_what_was_written_off_counts() -> None:
    limited = purse(Account(), max_tokens=250)
    limited.take(request())
    limited.write_off_lost(1, 100)
    assert limited.take(request()) is None


def test_time_is_up_at_its_end_and_stays_up() -> None:
    now = [0.0]
    limited = purse(Account(), now, until=5.0)
    limited.look_at_the_clock()
    assert not limited.reached
    now[0] = 5.0
    limited.look_at_the_clock()
    assert limited.reached == "max_time"


@pytest.mark.parametrize("limits", [{}, {"until": 9.0}])
def test_without_a_limit_everything_goes_out(limits: dict[str, float]) -> None:
    unlimited = purse(Account(), **limits)
    assert all(unlimited.take(request(number)) is not None for number in range(1000))
    assert not unlimited.counts_every_token
