"""What a training has drawn and not used yet, and what it keeps to learn from again."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

from omega_fast.exchange.step_groups import similarity
from omega_fast.train.gflownet.solutions import Scored, draw_seed

__all__ = ["Group", "OnPolicyBuffer", "ReplayBuffer"]

Group = tuple[Scored, ...]
"""The solutions of one question that were drawn together."""

_LEAST = 1e-3
"""Added to r, so that a question without a right solution has something to replay."""


class OnPolicyBuffer:
    """Groups that the present weights drew, or weights at most `max_age` versions older; each is used once.

    Args:
        max_age: How many versions older.
    """

    def __init__(self, max_age: int) -> None:
        self._stale = 0
        self._max_age = max_age
        self._groups: deque[Group] = deque()

    def __len__(self) -> int:
        return len(self._groups)

    def add(self, groups: Iterable[Group]) -> None:
        """Put groups at the end."""
        self._groups.extend(groups)

    def take(self, n: int, version: int) -> list[Group]:
        """The first `n` groups that are young enough, fewer if there are no more; older ones are dropped."""
        taken: list[Group] = []
        while self._groups and len(taken) < n:
            group = self._groups.popleft()
            if version - group[0].drawn.version > self._max_age:
                self._stale += 1
            else:
                taken.append(group)
        return taken

    def forget_stale(self) -> int:
        """How many were dropped since this was asked last."""
        stale, self._stale = self._stale, 0
        return stale

    def to_dict(self) -> list[list[dict[str, Any]]]:
        """As JSON values."""
        return [[each.to_dict() for each in group] for group in self._groups]

    def restore(self, values: list[list[dict[str, Any]]]) -> None:
        """Become what `to_dict` was made of."""
        self._groups = deque(tuple(Scored.from_dict(each) for each in group) for group in values)


class ReplayBuffer:
    """Different solutions of each question, the best ones, to be learnt from again with log-probabilities as they are.

    What is as similar to one that is kept as `similarity` says is kept once: the better one, of equals the earlier.
    Where there are too many, the one that is worth least goes, of equals the oldest.

    Args:
        capacity: Solutions kept of a question.
        priority: Power of r by which they are chosen.
        similar: How similar two are that count as one; 1 is equal.
        seed: Of what is chosen.
    """

    def __init__(self, capacity: int, priority: float, similar: float, seed: int) -> None:
        self._capacity = capacity
        self._priority = priority
        self._similar = similar
        self._seed = seed
        self._kept: dict[int, list[Scored]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._kept.values()))

    def add(self, solutions: Iterable[Scored]) -> None:
        """Keep those that are worth something to somebody."""
        for each in solutions:
            if each.r is None:
                continue
            kept = self._kept.setdefault(each.drawn.question, [])
            twin = next((at for at, other in enumerate(kept) if self._is_same(each, other)), None)
            if twin is None:
                kept.append(each)
            elif _worth(each) > _worth(kept[twin]):
                kept[twin] = each
            if len(kept) > self._capacity:
                kept.remove(min(kept, key=_worth))

    def draw(self, question: int, n: int, version: int, without: Sequence[Scored] = ()) -> list[Scored]:
        """At most `n` different solutions of a question, none of which is among `without`, chosen by r ** priority.

        The choice is a function of seed, version and question alone.
        """
        choice = random.Random(draw_seed(self._seed, version, f"replay {question}", 0))  # noqa: S311 - no secret
        taken = {each.drawn.ids for each in without}
        left = [each for each in self._kept.get(question, ()) if each.drawn.ids not in taken]
        chosen: list[Scored] = []
        while left and len(chosen) < n:
            weights = [(_worth(each) + _LEAST) ** self._priority for each in left]
            at = choice.choices(range(len(left)), weights)[0]
            chosen.append(left.pop(at))
        return chosen

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {str(question): [each.to_dict() for each in kept] for question, kept in self._kept.items()}

    def restore(self, values: dict[str, Any]) -> None:
        """Become what `to_dict` was made of."""
        self._kept = {
            int(question): [Scored.from_dict(each) for each in kept] for question, kept in values.items()
        }

    def _is_same(self, one: Scored, other: Scored) -> bool:
        if one.drawn.ids == other.drawn.ids or one.drawn.text == other.drawn.text:
            return True
        return self._similar < 1 and similarity(one.drawn.text, other.drawn.text) >= self._similar


def _worth(each: Scored) -> float:
    return each.r or 0.0
