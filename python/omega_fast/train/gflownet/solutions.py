"""Solutions that were drawn, or come from a run, and what became of them: plain data that fits into a checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Any

from omega_fast.records import FinishReason, Generation

__all__ = ["Cutter", "Drawn", "Scored", "draw_seed", "drawn_of"]

Cutter = Callable[[str, Sequence[int]], Sequence[int]]
"""(text, token ends) -> where its steps end, both in UTF-8 bytes."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A solution as token ids, with the weights it is from.

    Attributes:
        question: Its place among the questions of the training.
        text: What the ids spell.
        ids: Without the end-of-sequence token.
        cuts: How many ids there are up to the end of each step, rising; the last is `len(ids)`.
        step_texts: The text of each step.
        finished: Whether the policy ended it; else it was cut off at its longest.
        version: Of the weights; -1 for what another policy wrote.
        number: Which draw of this question with these weights.
    """

    question: int
    text: str
    ids: tuple[int, ...]
    cuts: tuple[int, ...]
    step_texts: tuple[str, ...]
    finished: bool
    version: int
    number: int

    @property
    def finish(self) -> FinishReason:
        """Why it ended."""
        return FinishReason.STOP if self.finished else FinishReason.LENGTH


@dataclass(frozen=True, slots=True)
class Scored:
    """A drawn solution and what it is worth.

    Attributes:
        drawn: It.
        r: In [0, 1]; `None` if nobody could say, and nothing is learnt from it.
        bonuses: What its log-reward adds to the reference's, for stopping at each state: before the first step, after
            each step or token.
        energies: The logarithm of what the reward model makes of each of these prefixes.
        right: Whether its answer is; `None` where nothing says so.
    """

    drawn: Drawn
    r: float | None
    bonuses: tuple[float, ...]
    energies: tuple[float, ...]
    right: bool | None

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Scored:
        """What `to_dict` made."""
        drawn = dict(values["drawn"])
        for name in ("ids", "cuts", "step_texts"):
            drawn[name] = tuple(drawn[name])
        listed = {name: tuple(values[name]) for name in ("bonuses", "energies")}
        return cls(**{**values, **listed, "drawn": Drawn(**drawn)})


def draw_seed(seed: int, version: int, question: str, number: int) -> int:
    """The seed of one draw, 64 bits: nothing but these four decides it, so a training that goes on draws the same."""
    told = repr((seed, version, question, number)).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(told, digest_size=8).digest())


def drawn_of(generation: Generation, question: int, cut: Cutter, *, version: int, number: int) -> Drawn:
    """What an engine drew, with its steps. A cut that falls inside a token is at the token's end."""
    ends = generation.token_ends
    spelled = generation.text.encode()
    places = [each for each in cut(generation.text, ends) if 0 < each < len(spelled)]
    cuts: list[int] = []
    texts: list[str] = []
    begin = 0
    for place in [*places, len(spelled)]:
        at = next((n for n, end in enumerate(ends, 1) if end >= place), len(ends))
        at = len(ends) if place == len(spelled) else at
        if at and (not cuts or at > cuts[-1]):
            cuts.append(at)
            texts.append(spelled[begin:place].decode("utf-8", "replace"))
            begin = place
    return Drawn(
        question=question,
        text=generation.text,
        ids=tuple(generation.token_ids),
        cuts=tuple(cuts),
        step_texts=tuple(texts),
        finished=generation.finish is FinishReason.STOP,
        version=version,
        number=number,
    )
