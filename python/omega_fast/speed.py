"""What `omega bench` reports: how fast the engine is, and which settings make it faster. Plain data."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["BenchSummary", "Speed", "Trial", "beats"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """One search, measured from its first request to its last answer.

    Attributes:
        draws: Continuations that came back.
        tokens: Tokens of these.
        seconds: By the clock.
        busy: Share of the slots' time with a request on them, drain included.
        own_cpu_us_a_draw: CPU microseconds of the thread that drives the search, the engine's calls left out.
    """

    draws: int
    tokens: int
    seconds: float
    busy: float
    own_cpu_us_a_draw: float

    @property
    def tokens_a_second(self) -> float:
        """Generated tokens in a second; 0 if nothing came back."""
        return self.tokens / self.seconds if self.seconds else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One setting tried on recorded requests.

    Attributes:
        settings: What was changed against the given configuration.
        draws: Requests of each repeat.
        rates: Generated tokens a second, one for each repeat that was finished.
        problem: Why there is no rate, in words; empty if there is one.
    """

    settings: Mapping[str, Any]
    draws: int
    rates: tuple[float, ...]
    problem: str = ""

    @property
    def rate(self) -> float:
        """The middle of the repeats; 0 without any."""
        return statistics.median(self.rates) if self.rates else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchSummary:
    """What was measured, and what came of it.

    Attributes:
        engine: By its name among the settings.
        model: The same.
        slots: Requests the engine works on at once, as configured.
        speeds: One for each pass of a whole search at the given settings; the first, a warm-up, is left out if
            there are others.
        trials: Every setting tried, in order; empty unless tuning was asked for.
        chosen: Settings to use, each of them measured to the end; empty if there is none.
        notes: What was left out, undecided or cut short, in words.
        recipe: Where `chosen` was written, if it was.
    """

    engine: str
    model: str
    slots: int
    speeds: Sequence[Speed]
    trials: Sequence[Trial] = ()
    chosen: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()
    recipe: Path | None = None

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON values."""
        speeds = [asdict(each) | {"tokens_a_second": each.tokens_a_second} for each in self.speeds]
        trials = [asdict(each) | {"settings": dict(each.settings)} for each in self.trials]
        recipe = None if self.recipe is None else str(self.recipe)
        own = {"speeds": speeds, "trials": trials, "chosen": dict(self.chosen), "notes": list(self.notes)}
        return {"engine": self.engine, "model": self.model, "slots": self.slots, **own, "recipe": recipe}


def beats(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether `one` is faster by more than the spread of either's repeats; nothing is without two repeats of each.

    >>> beats([110, 112, 111], [100, 101, 99]), beats([110, 112, 95], [100, 101, 99]), beats([200], [100])
    (True, False, False)
    """
    if min(len(one), len(other)) < 2:
        return False
    spread = max(max(one) - min(one), max(other) - min(other))
    return statistics.median(one) - statistics.median(other) > spread
