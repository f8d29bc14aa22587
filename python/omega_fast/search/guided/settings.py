"""What determines a guided search: the method, how much it proposes, how scores are read, what it may spend."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from omega_fast.errors import ConfigError
from omega_fast.models.aggregate import AGGREGATIONS, Aggregation

__all__ = ["METHOD_NAMES", "GuidedSettings", "Method"]

Method = Literal["greedy", "best_of_n", "beam", "dvts", "mcts", "omega"]

METHOD_NAMES: tuple[Method, ...] = get_args(Method)


@dataclass(frozen=True, slots=True, kw_only=True)
class GuidedSettings:
    """The identity of a guided search: with seeds and responses it determines every decision.

    Attributes:
        method: `best_of_n` draws whole solutions; `greedy` keeps the best of `beam_width` proposed steps each time;
            `beam` keeps n / beam_width prefixes; `dvts` runs n / beam_width greedy searches side by side (diverse
            verifier tree search); `mcts` is PUCT over steps with scores as values and priors; `omega` draws whole
            solutions, and again from before the first step that scores low, chosen as OmegaPRM chooses.
        n: Solutions of `best_of_n`, candidates a round of `beam` and `dvts`, simulations of `mcts`, draws of `omega`.
        beam_width: Steps proposed for each prefix; draws from each chosen prefix of `omega`.
        max_steps: Steps of a solution that are proposed one by one; what is left is written in one go.
        lookahead: Steps written greedily beyond a proposed one before it is scored.
        aggregation: How the scores of steps become one.
        filter_duplicates: Keep equal prefixes once, so that those that are kept differ.
        separator: Text that ends a step.
        max_new_tokens: The longest solution, in generated tokens.
        token_budget: Generated tokens a question may take. The method is run again until it is spent.
        end_pattern: A regular expression for the last step of a solution; without one the policy's own end counts
            alone, which takes one more proposal where it comes after the last step's separator.
        threshold: The score below which `omega` takes a step for wrong.
        c_puct: Weight of exploration of `omega`; `alpha`, `beta` and `length_scale` are its other constants.
        in_flight: Leaves of `mcts` that are worked on at once.
        widen: Exponent a of progressive widening of `mcts`: a prefix visited N times may use
            beam_width * N ** a steps; 0 keeps the first `beam_width`.

    Raises:
        ConfigError: A value is out of its range, or two contradict each other.
    """

    method: Method = "beam"
    n: int = 16
    beam_width: int = 4
    max_steps: int = 40
    lookahead: int = 0
    aggregation: Aggregation = "last"
    filter_duplicates: bool = True
    separator: str = "\n\n"
    max_new_tokens: int = 2048
    token_budget: int | None = None
    end_pattern: str | None = None
    threshold: float = 0.5
    c_puct: float = 0.125
    alpha: float = 0.5
    beta: float = 0.9
    length_scale: float = 500.0
    in_flight: int = 4
    widen: float = 0.0

    def __post_init__(self) -> None:
        if self.method not in METHOD_NAMES:
            raise ConfigError(
                f"there is no method {self.method!r}", hint=f"use one of {', '.join(METHOD_NAMES)}"
            )
        if self.aggregation not in AGGREGATIONS:
            raise ConfigError(
                f"there is no aggregation {self.aggregation!r}", hint=f"use one of {', '.join(AGGREGATIONS)}"
            )
        for name, least in (
            ("n", 1), ("beam_width", 1), ("max_steps", 1), ("lookahead", 0), ("max_new_tokens", 1), ("in_flight", 1),
        ):  # fmt: skip
            if getattr(self, name) < least:
                raise ConfigError(f"{name} is {getattr(self, name)}", hint=f"choose at least {least}")
        if not self.separator:
            raise ConfigError("separator is empty", hint="give the text that ends a step")
        if self.token_budget is not None and self.token_budget < 1:
            raise ConfigError(f"token_budget is {self.token_budget}", hint="choose at least 1, or none")
        if self.method in ("beam", "dvts") and self.n % self.beam_width:
            raise ConfigError(
                f"n {self.n} is no multiple of beam_width {self.beam_width}",
                hint=f"{self.method} keeps n / beam_width prefixes: choose n = {_next(self.n, self.beam_width)}",
            )
        if not 0 <= self.threshold <= 1 or not 0 <= self.widen <= 1 or not 0 <= self.c_puct < float("inf"):
            raise ConfigError(
                f"threshold {self.threshold}, widen {self.widen} or c_puct {self.c_puct} is out of range",
                hint="threshold and widen lie between 0 and 1, and c_puct is at least 0",
            )
        if self.end_pattern is not None:
            try:
                re.compile(self.end_pattern)
            except re.error as error:
                raise ConfigError(
                    f"end_pattern {self.end_pattern!r} is no regular expression: {error}", hint="mend it"
                ) from error

    @property
    def by_steps(self) -> bool:
        """Whether the method proposes single steps."""
        return self.method not in ("best_of_n", "omega")


def _next(n: int, width: int) -> int:
    return -(-n // width) * width
