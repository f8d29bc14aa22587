"""Canaries: known steps sent to be checked among the others, which tell what the verdicts of a run are worth."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

from omega_fast.grounded.checking import Check
from omega_fast.grounded.known_steps import known_step
from omega_fast.grounded.problem import Problem, Step, seed_of
from omega_fast.grounded.searching import StepChecker
from omega_fast.summary import Proportion
from omega_fast.verifiers.tools import Finding

__all__ = ["Canaries", "CanaryTally"]

_TRUTHS = {True: "right", False: "wrong"}
_MUCH_WRONG = 0.05
_MUCH_UNSAID = 0.5


class CanaryTally:
    """What was said of known steps, by whom: `finding` is what counts, `judge` the judge's own verdict.

    Attributes:
        without: Problems whose reference solution has no step that is known.
    """

    def __init__(self) -> None:
        self._said: Counter[tuple[str, bool, Finding]] = Counter()
        self.without = 0

    def add(self, check: Check, *, right: bool) -> None:
        """Count what was said of one."""
        self._said["finding", right, check.finding] += 1
        if check.judge is not None:
            self._said["judge", right, check.judge] += 1

    @property
    def sent(self) -> int:
        """Canaries that came back."""
        return sum(count for (who, _, _), count in self._said.items() if who == "finding")

    def share(self, who: str, *, right: bool, said: Finding) -> Proportion:
        """How many of the right, or wrong, ones were called so."""
        total = sum(self._said[who, right, each] for each in Finding)
        return Proportion(self._said[who, right, said], total)

    def to_dict(self) -> dict[str, Any]:
        """JSON values: for `finding`, and with a judge `judge`, the shares of the right and of the wrong ones."""
        by = {
            who: {
                truth: {str(said): self.share(who, right=right, said=said).to_dict() for said in Finding}
                for right, truth in _TRUTHS.items()
            }
            for who in self._who()
        }
        return {"sent": self.sent, "problems_without": self.without, **by}

    def lines(self) -> list[tuple[str, str]]:
        """A line for the right and for the wrong ones: shares with their 95 % intervals."""
        found = []
        for who in self._who():
            for right, truth in _TRUTHS.items():
                shares = {said: self.share(who, right=right, said=said) for said in Finding}
                total = next(iter(shares.values())).total
                said = ", ".join(_shown(each, share) for each, share in shares.items())
                by = "" if who == "finding" else f" by the {who}"
                found.append((f"canaries, {truth} steps{by}", f"{total} called {said}" if total else "none"))
        return found

    def warnings(self, *, expected: bool) -> list[str]:
        """What is wrong with the verdicts of a run, as far as canaries tell; with `expected` there should be some."""
        if not self.sent:
            return ["no canary was checked: nothing tells how often verdicts are wrong"] if expected else []
        found = []
        for who in self._who():
            called = {
                "right": self.share(who, right=False, said=Finding.RIGHT),
                "wrong": self.share(who, right=True, said=Finding.WRONG),
            }
            for said, share in called.items():
                if share.interval[0] > _MUCH_WRONG:
                    other = "wrong" if said == "right" else "right"
                    found.append(
                        f"the {who} fails the canaries: {share.hits} of {share.total} {other} steps were called {said}"
                    )
            unsaid = self.share(who, right=True, said=Finding.CANNOT_SAY)
            unsaid += self.share(who, right=False, said=Finding.CANNOT_SAY)
            if unsaid.interval[0] > _MUCH_UNSAID:
                found.append(f"the {who} says nothing about {unsaid.hits} of {unsaid.total} canaries")
        return found

    def _who(self) -> list[str]:
        return sorted({who for who, _, _ in self._said}) or ["finding"]


class Canaries:
    """Checks the steps of one problem, and now and then a known step beside one; nothing else hears of those.

    Which checks bring a canary, and which one, follows from the step that is checked: the same whatever is slow.

    Args:
        checker: Checks steps, known ones too.
        tally: Where what it says of those is counted.
        rate: Canaries a checked step.
        seed: Of the job.
    """

    def __init__(self, checker: StepChecker, tally: CanaryTally, rate: float, seed: int) -> None:
        self._checker = checker
        self._tally = tally
        self._rate = rate
        self._seed = seed
        self._sent: set[tuple[Step, ...]] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._has_none = False

    async def check(self, problem: Problem, steps: Sequence[Step]) -> Check:
        """See `StepChecker.check`; a canary does not hold it up."""
        rng = random.Random(seed_of(self._seed, problem, steps, "canary"))  # noqa: S311 - reproducible, not secret
        if rng.random() < self._rate:
            self.send(problem, rng, right=rng.random() < 0.5)
        return await self._checker.check(problem, steps)

    def send(self, problem: Problem, rng: random.Random, *, right: bool) -> bool:
        """Have a known step of this problem checked; whether there is one."""
        steps = known_step(problem, rng, right=right)
        if steps is None:
            self._tally.without += not self._has_none
            self._has_none = True
            return False
        # Asked a second time it would be answered from the log, and counted twice
        if steps not in self._sent:
            self._sent.add(steps)
            self._tasks.append(asyncio.create_task(self._checked(problem, steps, right=right)))
        return True

    async def finish(self) -> None:
        """Wait for those under way. Raises `GoneError` if what they ask is gone."""
        await asyncio.gather(*self._tasks)

    async def drop(self) -> None:
        """Give up those under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _checked(self, problem: Problem, steps: tuple[Step, ...], *, right: bool) -> None:
        self._tally.add(await self._checker.check(problem, steps), right=right)


def _shown(said: Finding, share: Proportion) -> str:
    low, high = share.interval
    return (
        f"{str(said).replace('_', ' ')} {share.value:.2f} [{low:.2f}, {high:.2f}]"
        if share.total
        else str(said)
    )
