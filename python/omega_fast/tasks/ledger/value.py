"""V^pi of a ledger prefix, computed and not sampled: how probably a policy ends in the right answer."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from omega_fast.tasks.ledger.truth import gold_answer

__all__ = ["Line", "NextLines", "ValueBounds", "policy_value"]

Line = str
"""One generated line with its newline; without it, the policy ended its text there."""

NextLines = Callable[[str, tuple[str, ...]], Mapping[Line, float]]
"""A policy by lines: (problem text, lines so far) -> probability of each next line.

The probabilities may sum to less than 1: what is missing belongs to lines that were not worked out. The empty
line stands for ending the text before another line."""


@dataclass(frozen=True, slots=True)
class ValueBounds:
    """An interval that holds the exact value: `lower` is known right, `1 - upper` is known wrong."""

    lower: float
    upper: float

    @property
    def middle(self) -> float:
        """The best single figure; off by at most half the interval."""
        return (self.lower + self.upper) / 2


def policy_value(
    problem_text: str,
    steps: Sequence[str],
    next_lines: NextLines,
    *,
    tolerance: float = 1e-3,
    max_expansions: int = 100_000,
) -> ValueBounds:
    """Bounds on the probability that the policy, going on from `steps`, ends in the right answer.

    Prefixes are expanded in the order of their probability until those still open weigh at most `tolerance`,
    or `max_expansions` were expanded. The interval's width is what is still open then, plus what `next_lines`
    left out along the way; it holds the true value whichever limit ended the work, up to rounding. A path
    ends at an answer line or where the policy ends its text; only the answer is judged, as a rollout's
    verdict does, not the lines before it.

    Raises:
        InputError: `problem_text` is not a ledger problem.
    """
    gold = f"answer {gold_answer(problem_text)}"
    if steps and steps[-1].startswith("answer"):
        value = float(steps[-1].removesuffix("\n") == gold)
        return ValueBounds(value, value)
    open_paths: list[tuple[float, tuple[str, ...]]] = [(-1.0, tuple(steps))]
    right = wrong = 0.0
    expansions = 0
    open_weight = 1.0
    while open_paths and open_weight > tolerance and expansions < max_expansions:
        weight, lines = heapq.heappop(open_paths)
        open_weight += weight
        expansions += 1
        for line, probability in next_lines(problem_text, lines).items():
            reached = -weight * probability
            if line.removesuffix("\n") == gold:
                right += reached
            elif line.startswith("answer") or not line.endswith("\n"):
                wrong += reached
            else:
                heapq.heappush(open_paths, (-reached, (*lines, line)))
                open_weight += reached
    return ValueBounds(right, max(right, 1.0 - wrong))
