"""Which data-parallel replica a draw goes to, so that draws of a question find its prefixes in one cache."""

from __future__ import annotations

from collections import Counter

__all__ = ["Placement"]


class Placement:
    """Keeps a question on its replica while it has draws there, unless others stand idle for it.

    Args:
        replicas: How many there are.
        slots: Draws a replica works on at once.
    """

    def __init__(self, replicas: int, slots: int) -> None:
        self._load = [0] * replicas
        self._slots = slots
        self._homes: dict[str, int] = {}
        self._draws: Counter[str] = Counter()

    def enter(self, question: str) -> int:
        """The replica for a draw of `question`, counted as in flight."""
        idlest = min(range(len(self._load)), key=self._load.__getitem__)
        replica = self._homes.setdefault(question, idlest)
        if self._load[replica] >= self._slots > self._load[idlest]:
            replica = idlest
        self._load[replica] += 1
        self._draws[question] += 1
        return replica

    def leave(self, question: str, replica: int) -> None:
        """A draw of `question` has left `replica`."""
        self._load[replica] -= 1
        self._draws[question] -= 1
        if not self._draws[question]:
            del self._draws[question], self._homes[question]
