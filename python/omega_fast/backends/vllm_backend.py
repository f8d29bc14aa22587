"""Continues prefixes with vLLM: single requests of token ids, seeded one by one, many in flight.

Draws that arrive together are submitted in depth-first order of their common prefixes, so that blocks of the
prefix cache are hit before they are evicted.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from omega_fast.backends.base import Prompt
from omega_fast.backends.generations import GenerationMaker, failed_generation
from omega_fast.backends.prompts import PromptEncoder
from omega_fast.backends.vllm_draws import Draw, DrawEngine, Outcome
from omega_fast.backends.vllm_placement import Placement
from omega_fast.errors import BackendError, InputError
from omega_fast.records import FinishReason, Generation, GenerationRequest, Question

__all__ = ["PrefixCacheUse", "VllmBackend"]

_FINISHES = {"stop": FinishReason.STOP, "length": FinishReason.LENGTH}


@dataclass(slots=True)
class PrefixCacheUse:
    """Tokens of prompts and prefixes that came back, and how many of them vLLM had in its prefix cache."""

    prompt_tokens: int = 0
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class _InFlight:
    request: GenerationRequest
    draw: Draw


class VllmBackend:
    """A running vLLM engine as a `Backend`.

    Args:
        engine: Makes the draws.
        prompts: Renders the questions.
        maker: Turns generated ids into text.
        fingerprint: What identifies the policy.
        slots: Requests each replica works on at once.
        replicas: Copies of the model.
        max_new_tokens: The run's limit for a continuation.
        context: Most tokens of prompt and continuation together.
    """

    def __init__(
        self,
        engine: DrawEngine,
        prompts: PromptEncoder,
        maker: GenerationMaker,
        fingerprint: Mapping[str, Any],
        *,
        slots: int,
        replicas: int,
        max_new_tokens: int,
        context: int,
    ) -> None:
        self.prefix_cache = PrefixCacheUse()
        self._engine = engine
        self._prompts = prompts
        self._maker = maker
        self._fingerprint = fingerprint
        self._slots = slots * replicas
        self._placement = Placement(replicas, slots)
        self._max_new_tokens = max_new_tokens
        self._context = context
        self._tickets = itertools.count()
        self._ticket_of: dict[int, int] = {}
        self._in_flight: dict[int, _InFlight] = {}
        self._done: list[Generation] = []

    @property
    def slots(self) -> int:
        """Requests that all replicas together work on at once."""
        return self._slots

    def fingerprint(self) -> Mapping[str, Any]:
        """As the transformers backend's for the same policy; an adapter's hash and the like added."""
        return self._fingerprint

    def prompt(self, question: Question) -> Prompt:
        """The question as this policy sees it. Raises `InputError` if it does not fit the model."""
        return self._prompts.prompt(question)

    def submit(self, requests: Sequence[GenerationRequest]) -> None:
        """Queue requests. Raises `BackendError` if the engine is gone, or if an id is in flight already."""
        draws: list[Draw] = []
        # What shares a prefix is then adjacent: the trie depth first. The ids would give the same order at many times
        # the cost, since all draws of a question begin with its prompt.
        for request in sorted(requests, key=lambda request: (request.question.problem, request.prefix)):
            if request.id in self._ticket_of:
                raise BackendError(
                    f"request {request.id} is in flight already", hint="give every request an id of its own"
                )
            ticket = self._ticket_of[request.id] = next(self._tickets)
            if (draw := self._draw(request, ticket)) is not None:
                self._in_flight[ticket] = _InFlight(request, draw)
                draws.append(draw)
        if draws:
            self._engine.submit(draws)

    def cancel(self, ids: Collection[int]) -> None:
        """Forget these requests; ids that are unknown or already done are ignored."""
        tickets = [self._ticket_of.pop(id_) for id_ in ids if id_ in self._ticket_of]
        self._done = [generation for generation in self._done if generation.id in self._ticket_of]
        running = [ticket for ticket in tickets if ticket in self._in_flight]
        for ticket in running:
            self._release(ticket)
        if running:
            self._engine.abort(running)

    def poll(self, timeout: float) -> list[Generation]:
        """Wait at most `timeout` seconds until something has finished; return all that has.

        Raises `BackendError` if the engine is gone.
        """
        outcomes = self._engine.collect(0.0 if self._done or not self._in_flight else timeout)
        done, self._done = self._done, []
        done.extend(self._generation(outcome) for outcome in outcomes if outcome.ticket in self._in_flight)
        for generation in done:
            del self._ticket_of[generation.id]
        return done

    def close(self) -> None:
        """End the engine and forget all requests. May be called twice."""
        self._engine.close()
        self._ticket_of.clear()
        self._in_flight.clear()
        self._done.clear()

    def _draw(self, request: GenerationRequest, ticket: int) -> Draw | None:
        """The request as the engine sees it; `None` if it is answered without it."""
        try:
            ids = list(self._prompts.request_ids(request))
        except InputError as unfit:
            self._done.append(failed_generation(request, 0, f"InputError: {unfit}"))
            return None
        limit = min(request.max_new_tokens, self._max_new_tokens, self._context - len(ids))
        if limit < 1:
            self._done.append(self._maker.make(request, ids, (), FinishReason.LENGTH))
            return None
        replica = self._placement.enter(request.question.id)
        return Draw(ticket, ids, request.seed, limit, replica, request.stop, request.greedy)

    def _generation(self, outcome: Outcome) -> Generation:
        request, draw = self._release(outcome.ticket)
        finish = _FINISHES.get(outcome.reason)
        if finish is None:
            error = outcome.error or f"vLLM ended the request: {outcome.reason}"
            return failed_generation(request, len(draw.token_ids), error)
        self.prefix_cache.prompt_tokens += len(draw.token_ids)
        self.prefix_cache.cached_tokens += outcome.cached
        return self._maker.make(request, draw.token_ids, outcome.token_ids, finish)

    def _release(self, ticket: int) -> tuple[GenerationRequest, Draw]:
        released = self._in_flight.pop(ticket)
        self._placement.leave(released.request.question.id, released.draw.replica)
        return released.request, released.draw
