"""vLLM in this process's keeping, opened: settings, files, engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from omega_fast.backends.generations import GenerationMaker
from omega_fast.backends.policy_identity import context_limit, policy_fingerprint, policy_name
from omega_fast.backends.prompts import PromptEncoder, PromptTemplate
from omega_fast.backends.tokens import token_decoder
from omega_fast.backends.vllm_adapter import open_adapter
from omega_fast.backends.vllm_arguments import (
    check_engine_args,
    distribution_args,
    engine_arguments,
    prepare_environment,
)
from omega_fast.backends.vllm_backend import VllmBackend
from omega_fast.backends.vllm_checkpoint import open_checkpoint
from omega_fast.records import Sampling

if TYPE_CHECKING:
    from omega_fast.backends.vllm_engine import VllmEngine

__all__ = ["VllmSettings", "open_vllm", "open_vllm_with_engine"]


class VllmSettings(BaseModel):
    """Which model, on what, and how many requests at once.

    Attributes:
        model: Folder or hub name; the weights must be safetensors.
        revision: Branch, tag or commit of a hub name.
        adapter: Folder of a LoRA adapter.
        prompt: How a question is shown to the model.
        stop: Texts that end a continuation beside the model's own end.
        include_stop: Whether a stop text stays at the end of the continuation.
        dtype: Of weights and computation; `auto` is the checkpoint's own.
        threads: CPU threads of each worker; `None` leaves them to vLLM.
        slots: Requests each replica works on at once: vLLM's `max_num_seqs`.
        max_context: Most tokens of prompt and continuation together, at most the model's own limit.
        trust_remote_code: Run Python code that comes with the checkpoint.
        tensor_parallel_size: GPUs that share one copy of the model. There are as many copies as the visible
            GPUs hold; `data_parallel_size` among `engine_args` sets another number.
        engine_args: Further engine arguments, by vLLM's names.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    revision: str | None = None
    adapter: Path | None = None
    prompt: PromptTemplate = PromptTemplate()
    stop: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    include_stop: bool = True
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    threads: int | None = Field(default=None, ge=1)
    slots: int = Field(default=256, ge=1)
    max_context: int | None = Field(default=None, ge=2)
    trust_remote_code: bool = False
    tensor_parallel_size: int = Field(default=1, ge=1)
    engine_args: Mapping[str, Any] = Field(default_factory=dict)


def open_vllm(options: Mapping[str, Any], sampling: Sampling) -> VllmBackend:
    """Start vLLM as `VllmSettings` say; takes the better part of a minute.

    Raises:
        BackendError: If it cannot start.
        ConfigError: If an engine argument is unknown, or a setting of its own.
    """
    return open_vllm_with_engine(options, sampling)[0]


def open_vllm_with_engine(options: Mapping[str, Any], sampling: Sampling) -> tuple[VllmBackend, VllmEngine]:
    """The same, with the engine that the backend draws from. Raises as `open_vllm` does."""
    settings = VllmSettings.model_validate(options)
    check_engine_args(settings.engine_args)
    prepare_environment(settings.threads)
    # Only now, since vLLM reads the environment when it is imported.
    from omega_fast.backends.vllm_engine import VllmEngine, visible_devices  # noqa: PLC0415

    checkpoint = open_checkpoint(
        settings.model, revision=settings.revision, trust_remote_code=settings.trust_remote_code
    )
    adapter = open_adapter(settings.adapter) if settings.adapter else None
    name = policy_name(settings.model)
    dtype = checkpoint.dtype if settings.dtype == "auto" else settings.dtype
    context = context_limit(name, checkpoint.config, settings.max_context)
    arguments = engine_arguments(
        settings.model,
        settings.engine_args,
        source=checkpoint.source,
        dtype=dtype,
        context=context,
        slots=settings.slots,
        tensor_parallel_size=settings.tensor_parallel_size,
        devices=visible_devices(),
        adapter=adapter,
    )
    prompts = PromptEncoder(checkpoint.tokenizer, settings.prompt, context)
    decoder = token_decoder(checkpoint.tokenizer)
    stop_ids, stop_texts = _stops(checkpoint.tokenizer, settings.stop)
    engine = VllmEngine(
        arguments,
        sampling,
        stop_ids=checkpoint.eos_ids.union(stop_ids),
        stop_texts=stop_texts,
        adapter=adapter.path if adapter else None,
    )
    # Only now, since the engine has fetched what a hub name stands for.
    identity = checkpoint.identity()
    if adapter is not None:
        identity["adapter"] = adapter.sha256
    if further := distribution_args(settings.engine_args):
        identity["engine_args"] = further
    fingerprint = policy_fingerprint(
        name,
        identity,
        prompts=prompts,
        stop=settings.stop,
        include_stop=settings.include_stop,
        context=context,
        dtype=dtype,
        sampling=sampling,
    )
    backend = VllmBackend(
        engine,
        prompts,
        GenerationMaker(decoder, checkpoint.eos_ids, settings.stop, settings.include_stop),
        fingerprint,
        slots=settings.slots,
        replicas=int(arguments["data_parallel_size"]),
        max_new_tokens=sampling.max_new_tokens,
        context=context,
    )
    return backend, engine


def _stops(tokenizer: Any, texts: Sequence[str]) -> tuple[list[int], list[str]]:
    """Stop texts that are one added token as ids, which the engine's core sees at once; the others as texts."""
    added = {token.content: id_ for id_, token in tokenizer.added_tokens_decoder.items()}
    ids = [added[text] for text in texts if text in added]
    return ids, [text for text in texts if text not in added]
