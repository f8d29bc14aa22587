"""How probable a policy finds whole solutions, its own end included, under the temperature it is sampled with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from omega_fast.backends.checkpoint import Checkpoint, load_checkpoint
from omega_fast.backends.policy_identity import context_limit
from omega_fast.backends.prompts import PromptEncoder
from omega_fast.backends.transformers import TransformersSettings
from omega_fast.models.solution_log_probs import solution_log_probs
from omega_fast.records import GenerationRequest, Question

__all__ = ["PolicyLikelihood", "open_likelihood"]

_LOGITS_AT_ONCE = 1 << 26
"""Logits of one forward: a quarter of a gigabyte in float32."""


def open_likelihood(options: Mapping[str, Any], temperature: float) -> PolicyLikelihood:
    """The model that the options of the transformers engine name. Raises `BackendError` if it cannot be loaded."""
    settings = TransformersSettings.model_validate(options)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    checkpoint = load_checkpoint(
        settings.model,
        revision=settings.revision,
        dtype=settings.dtype,
        device=device if settings.device == "auto" else settings.device,
        attention=settings.attention,
        trust_remote_code=settings.trust_remote_code,
        adapter=settings.adapter,
    )
    config = checkpoint.model.config.get_text_config()
    context = context_limit(checkpoint.name, config, settings.max_context)
    return PolicyLikelihood(
        checkpoint, PromptEncoder(checkpoint.tokenizer, settings.prompt, context), temperature
    )


class PolicyLikelihood:
    """Log-probabilities of solutions under a checkpoint in torch.

    Args:
        checkpoint: The policy.
        prompts: How questions are shown to it.
        temperature: That it is sampled with, above 0.
    """

    def __init__(self, checkpoint: Checkpoint, prompts: PromptEncoder, temperature: float) -> None:
        self._model = checkpoint.model
        self._ends = torch.tensor(sorted(checkpoint.eos_ids), device=checkpoint.model.device)
        self._prompts = prompts
        self._temperature = temperature

    def log_probs(self, question: Question, texts: Sequence[str]) -> list[float]:
        """The log-probability of each text with an end behind it, given the question, in nats.

        Texts are tokenised as they are written.

        Raises:
            InputError: A text does not fit the model.
        """
        start = len(self._prompts.prompt(question).token_ids)
        rows = [self._prompts.request_ids(_request(question, text)) for text in texts]
        order = sorted(range(len(rows)), key=lambda at: len(rows[at]))
        found = [0.0] * len(rows)
        for batch in self._batches(order, rows):
            told = self._forward([rows[at] for at in batch], start)
            for at, value in zip(batch, told.tolist(), strict=True):
                found[at] = value
        return found

    def _batches(self, order: Sequence[int], rows: Sequence[tuple[int, ...]]) -> Iterator[list[int]]:
        vocabulary = self._model.get_input_embeddings().weight.shape[0]
        batch: list[int] = []
        for at in order:
            if batch and (len(batch) + 1) * len(rows[at]) * vocabulary > _LOGITS_AT_ONCE:
                yield batch
                batch = []
            batch.append(at)
        if batch:
            yield batch

    @torch.inference_mode()
    def _forward(self, rows: Sequence[tuple[int, ...]], start: int) -> Tensor:
        """(rows,): the sum over the solution's tokens, and the end after the last."""
        device, lengths = self._model.device, [len(row) for row in rows]
        ids = torch.tensor([[*row, *[0] * (max(lengths) - len(row))] for row in rows], device=device)
        ends = torch.tensor(lengths, device=device)
        mask = (torch.arange(ids.shape[1], device=device) < ends[:, None]).long()
        logits = self._model(input_ids=ids, attention_mask=mask).logits.float() / self._temperature
        starts = torch.full_like(ends, start)
        written = solution_log_probs(logits, ids, mask, starts).double().sum(dim=1)
        last = logits[torch.arange(len(rows), device=device), ends - 1].log_softmax(dim=-1)
        told: Tensor = written + last[:, self._ends].logsumexp(dim=-1).double()
        return told


def _request(question: Question, text: str) -> GenerationRequest:
    return GenerationRequest(0, question, text, None, 0, 1)
