"""From generated ids to a `Generation`: the end is taken off, the text cut at the first stop text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from omega_fast.backends.tokens import TokenDecoder, cut_tokens, decode_tokens
from omega_fast.records import FinishReason, Generation, GenerationRequest

__all__ = ["GenerationMaker", "failed_generation"]


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
        if (span := self.stop_span(text)) is not None:
            text = text[: span[self.include_stop]]
            # A stop text may end inside a token; the ids then do not spell the text, and are left out.
            ids = cut_tokens(ids, ends, len(text.encode())) or ()
            ends = ends[: len(ids)]
        return Generation(
            id=request.id,
            text=text,
            token_ids=tuple(ids),
            token_ends=ends,
            n_tokens=len(generated),
            n_prompt_tokens=len(prompt_ids),
            finish=finish,
        )

    def stop_span(self, text: str) -> tuple[int, int] | None:
        """Where the first stop text begins and ends, in characters."""
        found = [(at, at + len(stop)) for stop in self.stop if (at := text.find(stop)) >= 0]
        return min(found, default=None)


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
