"""A solution as token ids in which the last token of every step is known exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from omega_fast.backends.prompts import PromptEncoder, PromptTemplate
from omega_fast.errors import ConfigError, InputError
from omega_fast.records import Question

__all__ = ["EncodedSteps", "StepEncoder", "UnfitError", "Unfitness"]

Unfitness = Literal["no_steps", "empty_step", "too_long"]
"""Why a solution cannot be encoded."""

_UNBOUNDED = 1 << 30


class UnfitError(InputError):
    """A solution that cannot be encoded; nothing of it is cut off instead.

    Args:
        kind: Why, for counting.
        message: Why, in words.
        hint: What to do about it.
    """

    def __init__(self, kind: Unfitness, message: str, *, hint: str) -> None:
        super().__init__(message, hint=hint)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class EncodedSteps:
    """A problem and its solution as one sequence of tokens.

    Attributes:
        ids: The tokens: prompt, then for each step its own and the separator's.
        starts: For each step, the position of its first token in `ids`.
        ends: For each step, the position of its last token in `ids`: of the separator or of the marker behind it.
        start: The position of the first token after the prompt.
    """

    ids: tuple[int, ...]
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    start: int = 0


class StepEncoder:
    """Lays out problem and steps as tokens: prompt, step, separator, step, separator, ...

    Each piece is tokenised by itself, so no token spans a boundary and a longer solution begins with the tokens of a
    shorter one. A step that carries the separator at its end does not get a second one. This is the layout of TRL's
    stepwise supervision. With markers it is prompt, begin, step, separator, marker, begin, step, ...; later tokens see
    the markers, and a step ends at its marker.

    Args:
        tokenizer: A transformers tokenizer.
        template: The words around the problem.
        separator: Text that ends every step.
        max_length: Tokens that the whole may have.
        markers: The ids before each step and behind its separator.

    Raises:
        ConfigError: If the separator has no token, or the template asks for a chat template that is not there.
    """

    def __init__(
        self,
        tokenizer: Any,
        template: PromptTemplate,
        separator: str,
        max_length: int,
        markers: tuple[Sequence[int], Sequence[int]] = ((), ()),
    ) -> None:
        self.tokenizer = tokenizer
        self.separator = separator
        self.max_length = max_length
        self._prompts = PromptEncoder(tokenizer, template, _UNBOUNDED)
        self._separator_ids = self._ids(separator)
        self._begin, self._marker = markers
        if not self._separator_ids:
            raise ConfigError(
                f"the separator {separator!r} has no token", hint="give a text such as a line break"
            )

    def encode(self, problem: str, steps: Sequence[str]) -> EncodedSteps:
        """The tokens of a solution.

        Raises:
            UnfitError: If there is no step, a step is blank, or the whole is longer than `max_length`.
        """
        if not steps:
            raise UnfitError("no_steps", "there are no steps", hint="leave the solution out")
        ids = list(self._prompts.prompt(Question(id="", problem=problem, answer=None)).token_ids)
        start = len(ids)
        starts, ends = [], []
        for number, step in enumerate(steps, 1):
            if not step.strip():
                raise UnfitError("empty_step", f"step {number} is blank", hint="cut the solution otherwise")
            ids += self._begin
            starts.append(len(ids))
            ids += self._ids(step.removesuffix(self.separator))
            ids += [*self._separator_ids, *self._marker]
            ends.append(len(ids) - 1)
        if len(ids) > self.max_length:
            raise UnfitError(
                "too_long",
                f"problem and solution have {len(ids)} tokens, of {self.max_length} that there may be",
                hint="raise max_length if the model takes more, or leave the solution out",
            )
        return EncodedSteps(tuple(ids), tuple(starts), tuple(ends), start)

    def _ids(self, text: str) -> list[int]:
        # The tokenizer's own warning of long texts says nothing that the check above does not
        ids: list[int] = self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        return ids
