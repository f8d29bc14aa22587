"""How one problem is searched: rounds and depth by level, expansion, back-up, when it is enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from omega_fast.errors import ConfigError
from omega_fast.search.mcts import MctsConfig

__all__ = ["SearchSettings", "fused"]

_EASY = 3
"""The highest level with few rounds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSettings:
    """The identity of a search (GroundedPRM, arXiv 2510.14942; defaults by level as it was released).

    Attributes:
        rounds: Simulations; `None` for 8 up to level 3, and 12 above.
        depth: Most steps of a path; `None` for 5 up to level 3, and 9 above.
        width: Actions proposed in one expansion.
        enough: Right and wrong samples, so many of each, that end a search.
        fusion: How verdicts and outcome become one value: as it was `released`, or with weights that add up to one.
        outcome_weight: The outcome's share in the latter. Below 1/3 a right first step of three keeps a positive value
            though the last one is wrong, so that its value does not deny its verdict.
        discount: What a value loses at each node on its way up.
        exploration: The weight in UCT.
        canary_rate: Known steps a checked one, which are sent among the others and enter no value and no label.
        seed: Of all calls.
    """

    rounds: int | None = None
    depth: int | None = None
    width: int = 3
    enough: int = 3
    fusion: Literal["released", "normalised"] = "normalised"
    outcome_weight: float = 0.3
    discount: float = 0.9
    exploration: float = 1.4
    canary_rate: float = 0.03
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("rounds", 1), ("depth", 1), ("width", 1), ("enough", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ConfigError(f"{name} is {value}", hint=f"give {least} or more")
        if not 0 <= self.canary_rate <= 1:
            raise ConfigError(f"canary_rate is {self.canary_rate}", hint="give a number from 0 to 1")
        if not 0 <= self.outcome_weight <= 1 or not 0 < self.discount <= 1:
            raise ConfigError(
                "outcome_weight and discount are shares", hint="give numbers from 0 to 1, discount above 0"
            )

    def rounds_of(self, level: int) -> int:
        """Simulations for a problem of this level."""
        return self.rounds or (8 if level <= _EASY else 12)

    def depth_of(self, level: int) -> int:
        """Most steps for a problem of this level."""
        return self.depth or (5 if level <= _EASY else 9)

    def mcts(self, level: int) -> MctsConfig:
        """The tree search for a problem of this level; the root's own evaluation counts as a simulation."""
        return MctsConfig(
            rule="uct",
            weight=self.exploration,
            backup=self.fusion,
            outcome_weight=self.outcome_weight,
            discount=self.discount,
            simulations=self.rounds_of(level) + 1,
            max_depth=self.depth_of(level),
        )

    def fuse(self, verdicts: Sequence[float], outcome: float) -> float:
        """One number from the verdicts on a path and its outcome, as the search core makes it."""
        weight = None if self.fusion == "released" else self.outcome_weight
        return fused(verdicts, outcome, weight)

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


def fused(verdicts: Sequence[float], outcome: float, outcome_weight: float | None) -> float:
    """The fused value of a path with verdicts v_0..v_{n-1} and outcome F.

    Released (`None`): sum(v_i (n - i)) / n^2 + F / n. Normalised: (1 - w) sum(v_i (n - i)) / sum(n - i) + w F.

    >>> fused([1, -1], -1, None), fused([1, 1, -1], -1, 0.25), fused([], 1, None)
    (-0.25, 0.25, 1)
    """
    n = len(verdicts)
    if not n:
        return outcome
    weighted = sum(verdict * (n - i) for i, verdict in enumerate(verdicts))
    if outcome_weight is None:
        return weighted / n**2 + outcome / n
    return (1 - outcome_weight) * weighted / (n * (n + 1) / 2) + outcome_weight * outcome
