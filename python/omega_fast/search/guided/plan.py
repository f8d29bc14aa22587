"""How a method says what it wants: it yields draws or nodes to be scored, and is sent what came of them.

A method is a generator and does nothing else: no clock, no engine, no randomness. It goes on once all it asked for is
answered, and sees the answers in the order in which it asked; so what it decides is a function of the settings, the
seeds and the responses, whatever order they came in.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from omega_fast.records import Generation
from omega_fast.search.guided.tree import Node

__all__ = ["GREEDY", "Draw", "Plan", "Score", "Scoring", "Want"]

T = TypeVar("T")

GREEDY = -1
"""The number of the draw that takes the likeliest token each time; a prefix has one."""


@dataclass(frozen=True, slots=True)
class Draw:
    """A continuation wanted.

    Attributes:
        node: What is continued.
        number: Which draw from it, from 0, or `GREEDY`.
        to_step_end: Stop at the end of a step; else write the rest of the solution.
        max_new_tokens: Its limit.
    """

    node: Node
    number: int
    to_step_end: bool
    max_new_tokens: int


@dataclass(frozen=True, slots=True)
class Scoring:
    """A prefix whose steps are to be scored."""

    node: Node


@dataclass(frozen=True, slots=True)
class Score:
    """What a scorer said of the steps of a prefix: their scores, or why there are none."""

    values: tuple[float, ...] | None
    reason: str = ""


Want = Sequence[Draw] | Sequence[Scoring]

Plan = Generator[Want, Sequence[Generation | Score | None], T]
"""A method at work, which returns T. A draw that is lost is answered with `None`."""
