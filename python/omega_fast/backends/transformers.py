"""A plain torch engine for any Hugging Face causal language model, with continuous batching, on CPU and GPU.

Requests join and leave the running batch at any turn; nothing waits for the slowest. What comes of a request
depends on its tokens, its seed and the sampling alone, up to float rounding.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field

from omega_fast.backends.base import Prompt
from omega_fast.backends.checkpoint import Checkpoint, load_checkpoint
from omega_fast.backends.decode_masks import decode_mask
from omega_fast.backends.generations import GenerationMaker, failed_generation, stop_span
from omega_fast.backends.policy_identity import context_limit, policy_fingerprint
from omega_fast.backends.prompts import PromptEncoder, PromptTemplate
from omega_fast.backends.running_batch import Row, RunningBatch
from omega_fast.backends.self_check import check_decoding
from omega_fast.backends.tokens import token_decoder
from omega_fast.errors import BackendError, InputError
from omega_fast.records import FinishReason, Generation, GenerationRequest, Question, Sampling

__all__ = ["TransformersBackend", "TransformersSettings", "open_transformers"]


class TransformersSettings(BaseModel):
    """Which model, on what, and how many requests at once.

    Attributes:
        model: Folder or hub name; the weights must be safetensors.
        revision: Branch, tag or commit of a hub name.
        prompt: How a question is shown to the model.
        stop: Texts that end a continuation beside the model's own end.
        include_stop: Whether a stop text stays at the end of the continuation.
        device: A torch device; `auto` is the first GPU, or else the CPU.
        dtype: Of weights and computation; `auto` is the checkpoint's own.
        attention: transformers' name of an attention implementation.
        threads: CPU threads of torch, for the whole process; `None` leaves them as they are.
        slots: Requests in the batch at once; a slot costs the keys and values of the longest sequence.
        prefill_tokens: Prompt tokens computed in one forward, padding included.
        max_context: Most tokens of prompt and continuation together, at most the model's own limit.
        trust_remote_code: Run Python code that comes with the checkpoint.
        adapter: Folder of a LoRA adapter, which is worked into the weights.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    revision: str | None = None
    prompt: PromptTemplate = PromptTemplate()
    stop: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    include_stop: bool = True
    device: str = "auto"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    attention: str = "sdpa"
    threads: int | None = Field(default=None, ge=1)
    slots: int = Field(default=64, ge=1)
    prefill_tokens: int = Field(default=8192, ge=1)
    max_context: int | None = Field(default=None, ge=2)
    trust_remote_code: bool = False
    adapter: Path | None = None


def open_transformers(options: Mapping[str, Any], sampling: Sampling) -> TransformersBackend:
    """Load a model as `TransformersSettings` say. Raises `BackendError` if it cannot be loaded or batched."""
    return TransformersBackend(TransformersSettings.model_validate(options), sampling)


class TransformersBackend:
    """Continues prefixes with a model in this process; a `Backend`.

    `poll` does the work: it runs decode turns until something has finished or the time is over, at least one.

    Args:
        settings: Which model, on what.
        sampling: How it is sampled.
        checkpoint: The model if it is loaded already; it is shared and not copied.
    """

    def __init__(
        self, settings: TransformersSettings, sampling: Sampling, checkpoint: Checkpoint | None = None
    ) -> None:
        if settings.threads is not None:
            torch.set_num_threads(settings.threads)
        checkpoint = checkpoint or load_checkpoint(
            settings.model,
            revision=settings.revision,
            dtype=settings.dtype,
            device=_device(settings.device),
            attention=settings.attention,
            trust_remote_code=settings.trust_remote_code,
            adapter=settings.adapter,
        )
        config = checkpoint.model.config.get_text_config()
        context = context_limit(checkpoint.name, config, settings.max_context)
        mask = decode_mask(config, context)
        check_decoding(checkpoint.model, mask, context)
        self._settings = settings
        self._sampling = sampling
        self._context = context
        self._checkpoint = checkpoint
        self._prompts = PromptEncoder(checkpoint.tokenizer, settings.prompt, context)
        self._decoder = token_decoder(checkpoint.tokenizer)
        self._maker = GenerationMaker(self._decoder, checkpoint.eos_ids, settings.stop, settings.include_stop)
        self._batch: RunningBatch | None = RunningBatch(
            checkpoint.model,
            mask,
            sampling,
            slots=settings.slots,
            prefill_tokens=settings.prefill_tokens,
        )
        self._waiting: deque[GenerationRequest] = deque()
        self._in_flight: set[int] = set()
        self._done: list[Generation] = []

    @property
    def slots(self) -> int:
        """Requests in the batch at once."""
        return self._settings.slots

    def fingerprint(self) -> Mapping[str, Any]:
        """Model, weights, tokenizer, template, stops, sampling and precision; files by their content."""
        return policy_fingerprint(
            self._checkpoint.name,
            self._checkpoint.identity,
            prompts=self._prompts,
            stop=self._settings.stop,
            include_stop=self._settings.include_stop,
            context=self._context,
            dtype=str(self._checkpoint.model.dtype).removeprefix("torch."),
            sampling=self._sampling,
        )

    def prompt(self, question: Question) -> Prompt:
        """The question as this policy sees it. Raises `InputError` if it does not fit the model."""
        return self._prompts.prompt(question)

    def submit(self, requests: Sequence[GenerationRequest]) -> None:
        """Queue requests. Raises `BackendError` after `close`, or if an id is in flight already."""
        self._running()
        for request in requests:
            if request.id in self._in_flight:
                raise BackendError(
                    f"request {request.id} is in flight already", hint="give every request an id of its own"
                )
            self._in_flight.add(request.id)
            self._waiting.append(request)

    @torch.inference_mode()
    def cancel(self, ids: Collection[int]) -> None:
        """Forget these requests; ids that are unknown or already done are ignored."""
        batch = self._running()
        gone = self._in_flight.intersection(ids)
        if not gone:
            return
        self._in_flight -= gone
        self._waiting = deque(request for request in self._waiting if request.id not in gone)
        batch.drop([row for row in batch.rows if row.request.id in gone])
        self._done = [generation for generation in self._done if generation.id not in gone]

    @torch.inference_mode()
    def poll(self, timeout: float) -> list[Generation]:
        """Run turns until something has finished, at most about `timeout` seconds; return all that has."""
        batch = self._running()
        deadline = time.monotonic() + timeout
        while not self._done and self._in_flight:
            self._admit(batch)
            if batch.rows:
                self._turn(batch)
            if time.monotonic() >= deadline:
                break
        done, self._done = self._done, []
        self._in_flight.difference_update(generation.id for generation in done)
        return done

    def close(self) -> None:
        """Let go of the cache and all requests; the model goes with the backend. May be called twice."""
        self._batch = None
        self._waiting.clear()
        self._in_flight.clear()
        self._done.clear()

    def _running(self) -> RunningBatch:
        if self._batch is None:
            raise BackendError("the transformers backend is closed", hint="open it again")
        return self._batch

    def _admit(self, batch: RunningBatch) -> None:
        """Fill free rows once a sixteenth of them is free, so that prefills of single prompts stay rare."""
        if batch.free < max(1, self.slots // 16):
            return
        newcomers: list[Row] = []
        while self._waiting and len(newcomers) < batch.free:
            request = self._waiting.popleft()
            try:
                newcomers.append(self._row(request))
            except InputError as unfit:
                self._done.append(_failure(request, 0, unfit))
        for row in [row for row in newcomers if row.max_tokens < 1]:
            newcomers.remove(row)
            self._done.append(self._generation(row, FinishReason.LENGTH))
        for row, error in batch.admit(newcomers):
            self._done.append(_failure(row.request, len(row.prompt_ids), error))

    def _turn(self, batch: RunningBatch) -> None:
        try:
            tokens = batch.turn()
        except Exception as error:  # out of memory and whatever else a kernel raises
            rows = list(batch.rows)
            batch.drop(rows)
            self._done.extend(_failure(row.request, len(row.prompt_ids), error) for row in rows)
            return
        leavers: list[Row] = []
        eos_ids, finish_of = self._maker.eos_ids, self._finish
        for row, token in zip(batch.rows, tokens, strict=True):
            # Most rows go on, and this is asked of every token.
            if row.stream is None and token not in eos_ids and len(row.generated) < row.max_tokens:
                continue
            finish = finish_of(row, token)
            if finish is not None:
                leavers.append(row)
                self._done.append(self._generation(row, finish))
        if leavers:
            batch.drop(leavers)

    def _row(self, request: GenerationRequest) -> Row:
        ids = self._prompts.request_ids(request)
        limit = min(request.max_new_tokens, self._sampling.max_new_tokens, self._context - len(ids))
        stream = self._decoder.stream(ids) if self._maker.stops(request) else None
        return Row(request=request, prompt_ids=ids, max_tokens=limit, stream=stream)

    def _finish(self, row: Row, token: int) -> FinishReason | None:
        if token in self._maker.eos_ids:
            return FinishReason.STOP
        if row.stream is not None:
            text = row.tail + row.stream.push(token)
            stops = self._maker.stops(row.request)
            if stop_span(text, stops) is not None:
                return FinishReason.STOP
            # A stop text may have begun already: all of the longest one but its last character.
            row.tail = text[max(0, len(text) + 1 - max(map(len, stops))) :]
        return FinishReason.LENGTH if len(row.generated) >= row.max_tokens else None

    def _generation(self, row: Row, finish: FinishReason) -> Generation:
        return self._maker.make(row.request, row.prompt_ids, row.generated, finish)


def _failure(request: GenerationRequest, n_prompt_tokens: int, error: Exception) -> Generation:
    return failed_generation(request, n_prompt_tokens, f"{type(error).__name__}: {error}")


def _device(name: str) -> str:
    if name != "auto":
        return name
    return "cuda" if torch.cuda.is_available() else "cpu"
