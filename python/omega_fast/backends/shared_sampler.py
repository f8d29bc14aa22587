"""A policy in training, sampled in the trainer's own process: the network is shared, and nothing is copied."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import torch

from omega_fast.backends.base import Backend
from omega_fast.backends.checkpoint import Checkpoint
from omega_fast.backends.policy_identity import end_ids
from omega_fast.backends.prompts import PromptTemplate
from omega_fast.backends.transformers import TransformersBackend, TransformersSettings
from omega_fast.errors import BackendError
from omega_fast.records import FinishReason, Generation, GenerationRequest, Question, Sampling

__all__ = ["SharedSampler", "draw_all"]


class SharedSampler:
    """The transformers engine over a network that someone else trains; a `Sampler`.

    Args:
        network: A causal language model, adapters included; whoever trains it changes it in place.
        tokenizer: Its tokenizer.
        template: How a question is shown to it.
        sampling: Temperature and longest solution.
        slots: Solutions in the batch at once.
    """

    reads_files = False

    def __init__(
        self, network: Any, tokenizer: Any, template: PromptTemplate, sampling: Sampling, *, slots: int = 64
    ) -> None:
        self._network = network
        self._max_new_tokens = sampling.max_new_tokens
        self._version = 0
        self._ids = count()
        ends = end_ids(network.config, network.generation_config, tokenizer)
        self._backend = TransformersBackend(
            TransformersSettings(model="(in training)", prompt=template, slots=slots),
            sampling,
            Checkpoint("(in training)", network, tokenizer, ends, {}),
        )

    @property
    def version(self) -> int:
        """The version of the weights that it samples with."""
        return self._version

    def sample(
        self, prompts: Sequence[Question], n: int, seeds: Sequence[Sequence[int]]
    ) -> list[list[Generation]]:
        """`n` solutions of each prompt. Raises `BackendError` if one could not be drawn."""
        return draw_all(self._backend, prompts, n, seeds, ids=self._ids, max_new_tokens=self._max_new_tokens)

    @torch.no_grad()
    def log_probs(self, prompt: Question, token_ids: Sequence[int]) -> list[float]:
        """The log-probability of each token, at temperature 1."""
        before = list(self._backend.prompt(prompt).token_ids)
        ids = torch.tensor([[*before, *token_ids]], device=self._network.device)
        logits = self._network(input_ids=ids, use_cache=False).logits[0, len(before) - 1 : -1]
        told = logits.float().log_softmax(-1).gather(1, ids[0, len(before) :, None])
        return [float(each) for each in told[:, 0]]

    def load(self, version: int, weights: Path | None = None) -> None:
        """Take note of the version: the network has its weights already, and no cache outlives a call."""
        del weights
        self._version = version

    def close(self) -> None:
        """Let go of the cache; the network is the trainer's."""
        self._backend.close()


def draw_all(
    backend: Backend,
    prompts: Sequence[Question],
    n: int,
    seeds: Sequence[Sequence[int]],
    *,
    ids: Iterator[int],
    max_new_tokens: int,
) -> list[list[Generation]]:
    """`n` whole solutions of each prompt from an engine, by prompt and draw.

    Raises:
        BackendError: The engine is gone, or could not draw one of them.
    """
    places = {next(ids): (at, draw) for at in range(len(prompts)) for draw in range(n)}
    backend.submit(
        [
            GenerationRequest(id_, prompts[at], "", None, seeds[at][draw], max_new_tokens)
            for id_, (at, draw) in places.items()
        ]
    )
    found: dict[tuple[int, int], Generation] = {}
    while len(found) < len(places):
        for each in backend.poll(60.0):
            if each.finish is FinishReason.ERROR:
                raise BackendError(
                    f"the engine could not draw a solution: {each.error}",
                    hint="mend it, then run the same command again: it resumes",
                )
            found[places[each.id]] = each
    return [[found[at, draw] for draw in range(n)] for at in range(len(prompts))]
