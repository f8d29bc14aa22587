"""The budgets of a whole run: whether another draw may go out, and when to stop. They change no decision."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from omega_fast.backends.base import Prompt
from omega_fast.records import FREE, GenerationRequest, Question, Usage
from omega_fast.spending.account import Account
from omega_fast.spending.prices import Prices

__all__ = ["Purse", "RunBudgets"]

_PROMPTS_KEPT = 4096
_TEMPLATE_TOKENS = 64
"""What a server's chat template adds to texts of unknown length, until a server has said more."""


@dataclass(frozen=True, slots=True)
class RunBudgets:
    """The limits of a run.

    Attributes:
        max_tokens: Generated tokens, earlier starts included.
        max_cost: Money, earlier starts included; needs `prices`.
        until: The time on `clock` at which nothing more goes out.
        prices: What tokens cost.
    """

    max_tokens: int | None = None
    max_cost: Decimal | None = None
    until: float = math.inf
    prices: Prices | None = None


class Purse:
    """Sets the longest possible continuation aside for every draw in flight, so that no budget is overshot.

    Args:
        budgets: The limits.
        account: What was paid, kept up to date by whoever takes answers in.
        prompt: A question as the policy sees it; asked where money is limited.
        clock: Seconds, in step with `budgets.until`.
        written_off: What earlier starts paid for and never saw, at its most.
        reached: The budget that is spent already.

    Attributes:
        reached: The name of the budget that ended this start; empty while there is none.
        written_off: What was or may have been paid for and never came back, at its most, earlier starts included.
        counts_every_token: Whether work under way must come home, since what it took has to be known.
    """

    def __init__(
        self,
        budgets: RunBudgets,
        account: Account,
        prompt: Callable[[Question], Prompt],
        clock: Callable[[], float],
        *,
        written_off: Usage = FREE,
        reached: str = "",
    ) -> None:
        self.reached = reached
        self.written_off = written_off
        self.counts_every_token = budgets.max_tokens is not None or budgets.max_cost is not None
        self._budgets = budgets
        self._account = account
        self._prompt = prompt
        self._clock = clock
        self._aside = FREE
        self._lengths: dict[str, int] = {}
        self._template_tokens = _TEMPLATE_TOKENS
        self._largest_prompt = 0

    def look_at_the_clock(self) -> None:
        """Stop when the time is up."""
        if not self.reached and self._clock() >= self._budgets.until:
            self.reached = "max_time"

    def take(self, request: GenerationRequest) -> Usage | None:
        """Set aside what the request may take at most; `None` if a budget does not have it now."""
        wanted = Usage(self._longest_prompt(request), 0, request.max_new_tokens)
        if self._short_of(wanted):
            return None
        if self.counts_every_token:
            self._aside += wanted
            self._largest_prompt = max(self._largest_prompt, wanted.prompt)
        return wanted

    def stop_short_of(self, request: GenerationRequest) -> None:
        """Nothing is in flight, and not even this request can be paid for: the budget that it exceeds is reached."""
        wanted = Usage(self._longest_prompt(request), 0, request.max_new_tokens)
        self.reached = self.reached or self._short_of(wanted)

    def give_back(self, aside: Usage) -> None:
        """What was set aside for a request that came home; the account has what it took."""
        if self.counts_every_token:
            self._aside -= aside

    def write_off(self, usage: Usage) -> None:
        """Count what was or may have been paid for nothing."""
        self.written_off += usage

    def write_off_lost(self, answers: int, longest: int) -> None:
        """Count answers that were lost on their way after they may have been paid for, at their longest."""
        self.write_off(Usage(answers * self._largest_prompt, 0, answers * longest))

    def learn_prompt(self, aside: Usage, paid: Usage) -> None:
        """A server that counts more in a prompt than was set aside adds a longer template than was thought."""
        if self._budgets.max_cost is not None and paid.prompt > aside.prompt:
            self._template_tokens += paid.prompt - aside.prompt

    def _short_of(self, wanted: Usage) -> str:
        """The budget that does not have this beside what is paid and set aside; empty if all do."""
        if not self.counts_every_token:
            return ""
        budgets = self._budgets
        at_most = self.written_off + self._aside + wanted
        if budgets.max_tokens is not None and self._account.tokens + at_most.generated > budgets.max_tokens:
            return "max_tokens"
        if budgets.max_cost is not None and budgets.prices is not None:
            prices = budgets.prices
            if prices.cost(self._account.usage) + prices.at_most(at_most) > budgets.max_cost:
                return "max_cost"
        return ""

    def _longest_prompt(self, request: GenerationRequest) -> int:
        """Tokens of prompt and prefix, at most: a token has at least one byte."""
        if self._budgets.max_cost is None:
            return 0
        question = request.question
        length = self._lengths.get(question.id)
        if length is None:
            prompt = self._prompt(question)
            length = len(prompt.token_ids) or len(prompt.text.encode())
            if len(self._lengths) >= _PROMPTS_KEPT:
                self._lengths.clear()
            self._lengths[question.id] = length
        ids = request.prefix_tokens
        prefix = len(request.prefix.encode()) if ids is None else len(ids)
        return length + prefix + self._template_tokens
