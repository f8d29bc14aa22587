"""What a run has paid, in all and by question, and what its finished questions gave for it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from omega_fast.records import FREE, Generation, Usage

__all__ = ["Account", "QuestionCost", "usage_of"]

_LATELY = 256


def usage_of(generation: Generation) -> Usage:
    """The tokens a generation is billed for: as the server reported them, or else by our own counts."""
    return generation.usage or Usage(generation.n_prompt_tokens, 0, generation.n_tokens)


@dataclass(frozen=True, slots=True)
class QuestionCost:
    """What a finished question took and gave.

    Attributes:
        rollouts: Rollouts paid for, those made early for nothing included.
        usage: Their tokens.
        labels: States with a hard label.
        located: First errors located.
    """

    rollouts: int
    usage: Usage
    labels: int
    located: int


class Account:
    """Adds up what comes back, whether a decision uses it or not.

    Attributes:
        rollouts: Rollouts paid for.
        usage: Their tokens, as they are billed.
        tokens: Generated tokens by our own counts, which `max_tokens` limits.
        questions: Questions of the run.
        finished: Those that are finished.
    """

    def __init__(self) -> None:
        self.rollouts = 0
        self.usage = FREE
        self.tokens = 0
        self.questions = 0
        self.finished = 0
        self._open: dict[str, tuple[int, Usage]] = {}
        self._next = 0
        self._ahead: dict[int, QuestionCost] = {}
        self._in_order: deque[QuestionCost] = deque(maxlen=_LATELY)

    def pay(self, question: str, generation: Generation) -> None:
        """Enter a continuation that came back."""
        self.enter(question, 1, usage_of(generation), generation.n_tokens)

    def enter(self, question: str, rollouts: int, usage: Usage, tokens: int) -> None:
        """Enter some continuations: what they are billed for, and their tokens by our own counts."""
        self.rollouts += rollouts
        self.usage += usage
        self.tokens += tokens
        before, so_far = self._open.get(question, (0, FREE))
        self._open[question] = (before + rollouts, so_far + usage)

    def finish(self, number: int, question: str, *, labels: int, located: int) -> None:
        """Close a question, by its place in the run and its id."""
        self.finished += 1
        rollouts, usage = self._open.pop(question, (0, FREE))
        self._ahead[number] = QuestionCost(rollouts, usage, labels, located)
        while self._next in self._ahead:
            self._in_order.append(self._ahead.pop(self._next))
            self._next += 1

    @property
    def paid_on_open(self) -> list[tuple[int, Usage]]:
        """Rollouts and tokens of each question that has begun and is not finished."""
        return list(self._open.values())

    @property
    def lately(self) -> list[QuestionCost]:
        """The last finished questions before which all are finished.

        Questions that finish before their elders are the cheap ones, and would make the rest look cheap too.
        """
        return list(self._in_order)
