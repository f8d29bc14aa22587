"""From generated ids to a `Generation`: the end is taken off, the text cut at the first stop text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from omega_fast.backends.tokens import TokenDecoder, cut_tokens, decode_tokens
from omega_fast.records import FinishReason, Generation, GenerationRequest

__all__ = ["GenerationMaker", "cut_at_stop", "failed_generation", "stop_span"]


@dataclass(frozen=True, slots=True)
class GenerationMaker:
    """Makes generations of one policy.

    Attributes:
        decoder: Of its tokenizer.
        eos_ids: Every id that ends a text.
        stop: Texts that end a continuation.
        include_stop: Whether a stop text stays at the end of the continuation.
    """

    decoder: TokenDecoder
    eos_ids: frozenset[int]
    stop: tuple[str, ...]
    include_stop: bool

    def make(
        self,
        request: GenerationRequest,
        prompt_ids: Sequence[int],
        generated: Sequence[int],
        finish: FinishReason,
    ) -> Generation:
        """The generation of `generated`, all ids paid for, which continue `prompt_ids`."""
        ids = generated
        if ids and ids[-1] in self.eos_ids:
            ids = ids[:-1]
        text, ends = decode_tokens(self.decoder, ids, prompt_ids)
        text, ids, ends = cut_at_stop(text, ids, ends, self.stops(request), include_stop=self.include_stop)
        return Generation(
            id=request.id,
            text=text,
            token_ids=ids,
            token_ends=ends,
            n_tokens=len(generated),
            n_prompt_tokens=len(prompt_ids),
            finish=finish,
        )

    def stops(self, request: GenerationRequest) -> tuple[str, ...]:
        """The texts that end this continuation."""
        return self.stop + request.stop if request.stop else self.stop


def stop_span(text: str, stop: Sequence[str]) -> tuple[int, int] | None:
    """Where the first of the stop texts in `text` begins and ends, in characters; `None` if there is none.

    >>> stop_span("a. b! c.", ("!", "."))
    (1, 2)
    """
    return min(((at, at + len(each)) for each in stop if (at := text.find(each)) >= 0), default=None)


def cut_at_stop(
    text: str, ids: Sequence[int], ends: Sequence[int], stop: Sequence[str], *, include_stop: bool
) -> tuple[str, tuple[int, ...], tuple[int, ...]]:
    """Text, ids and ends up to the first stop text, or behind it if that is included.

    Args:
        text: What the ids spell.
        ids: The generated ids.
        ends: Where each ends in the text, in UTF-8 bytes.
        stop: The stop texts.
        include_stop: Whether a stop text stays at the end.
    """
    if (span := stop_span(text, stop)) is not None:
        text = text[: span[include_stop]]
        # A stop text may end inside a token; the ids then do not spell the text, and are left out.
        ids = cut_tokens(ids, ends, len(text.encode())) or ()
        ends = ends[: len(ids)]
    return text, tuple(ids), tuple(ends)


def failed_generation(
    request: GenerationRequest, n_prompt_tokens: int, error: str, *, given_up: bool = False
) -> Generation:
    """What comes back for a request that the engine could not answer; `given_up` if it tried again itself."""
    return Generation(
        id=request.id,
        text="",
        token_ids=(),
        token_ends=(),
        n_tokens=0,
        n_prompt_tokens=n_prompt_tokens,
        finish=FinishReason.ERROR,
        error=error,
        given_up=given_up,
    )
