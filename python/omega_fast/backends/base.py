"""What the pump asks of an engine. Four calls; everything else about an engine is its own business."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from omega_fast.records import FinishReason, Generation, GenerationRequest, Question

__all__ = ["Backend", "CountsTraffic", "Prompt", "fault_in"]


@dataclass(frozen=True, slots=True)
class Prompt:
    """A question as the policy sees it, before any step: the rendered text and its token ids."""

    text: str
    token_ids: Sequence[int]


@runtime_checkable
class Backend(Protocol):
    """An engine that continues prefixes. Calls come from one thread; none but `poll` may wait.

    Contract: every submitted request comes back from `poll` exactly once, as a success or with
    `FinishReason.ERROR`, unless it was cancelled first. Order is free.
    """

    @property
    def slots(self) -> int:
        """How many requests it works on at once; the pump keeps at least this many submitted."""
        ...

    def fingerprint(self) -> Mapping[str, Any]:
        """What identifies the policy: model, weights, tokenizer, template, sampling. JSON values only.

        Two backends with equal fingerprints draw from the same distribution; a run refuses to resume on another.
        """
        ...

    def prompt(self, question: Question) -> Prompt:
        """The question as this policy sees it. Raises `InputError` if it does not fit the model."""
        ...

    def submit(self, requests: Sequence[GenerationRequest]) -> None:
        """Queue requests. Raises `BackendError` if the engine is gone."""
        ...

    def cancel(self, ids: Collection[int]) -> None:
        """Forget these requests; ids that are unknown or already done are ignored."""
        ...

    def poll(self, timeout: float) -> list[Generation]:
        """Work, or wait at most `timeout` seconds, until something has finished; return all that has."""
        ...

    def close(self) -> None:
        """Release the engine. May be called twice."""
        ...


@runtime_checkable
class CountsTraffic(Protocol):
    """A backend that keeps counts of its own, for the record."""

    def counts(self) -> Mapping[str, int]:
        """Numbers by name, from its start on; `paid_twice` counts answers lost after they may have been paid for."""
        ...


def fault_in(generation: Generation) -> str:
    """What makes a generation unusable, in words; empty if it can be kept and searched.

    An engine that fails says so itself. Beyond that, the text has to be valid Unicode, and the token ends have to
    rise within its UTF-8 bytes and fall between characters.
    """
    if generation.finish is FinishReason.ERROR:
        return generation.error or "the engine gave no reason"
    try:
        text = generation.text.encode()
    except UnicodeEncodeError:
        return "the text holds half a surrogate pair"
    if len(generation.token_ids) != len(generation.token_ends):
        return f"{len(generation.token_ids)} tokens have {len(generation.token_ends)} ends"
    try:
        array("I", (generation.n_tokens, *generation.token_ids))
    except OverflowError:
        return "a token id or the number of tokens is out of range"
    ends, ordered = list(generation.token_ends), sorted(generation.token_ends)
    if ends != ordered or ends[:1] == [-1]:
        ends = [end for end in ends if end != -1]
        ordered = sorted(ends)
    fit = ends == ordered and (not ends or (ends[0] >= 0 and ends[-1] <= len(text)))
    # A byte 10xxxxxx continues a character; a text of single-byte characters has none.
    if fit and len(text) > len(generation.text):
        fit = not any(text[end] & 0xC0 == 0x80 for end in ends if end < len(text))
    return "" if fit else "the token ends do not fit the text"
