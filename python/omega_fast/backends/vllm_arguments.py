"""From settings to vLLM's engine arguments: what is always set, what a user may add, what counts as identity."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from omega_fast.backends.vllm_adapter import Adapter
from omega_fast.errors import ConfigError

__all__ = [
    "BATCHED_TOKENS",
    "check_engine_args",
    "distribution_args",
    "engine_arguments",
    "lora_rank",
    "prepare_environment",
]

_SETTINGS = {
    "model": "model_name",
    "revision": "revision",
    "tokenizer": "model_name",
    "dtype": "dtype",
    "max_model_len": "max_context",
    "max_num_seqs": "slots",
    "trust_remote_code": "trust_remote_code",
    "tensor_parallel_size": "tensor_parallel_size",
    "enable_lora": "adapter",
}
"""Engine arguments that are settings of their own."""

_OPERATIONAL = frozenset(
    {
        "async_scheduling", "attention_backend", "block_size", "compilation_config", "cudagraph_capture_sizes",
        "data_parallel_size", "disable_cascade_attn", "disable_custom_all_reduce", "disable_log_stats",
        "distributed_executor_backend", "download_dir", "enable_chunked_prefill", "enable_prefix_caching",
        "enforce_eager", "gpu_memory_utilization", "kv_cache_memory_bytes", "max_num_batched_tokens",
        "max_parallel_loading_workers", "num_gpu_blocks_override", "optimization_level",
        "pipeline_parallel_size", "scheduling_policy", "seed", "shutdown_timeout", "stream_interval",
    }
)  # fmt: skip
"""Engine arguments that change how fast tokens come and not which distribution they are drawn from."""

BATCHED_TOKENS = 8192
"""Tokens of prompts and draws computed at once, unless something asks for more."""

_QUIET = {
    # stdout is data
    "VLLM_LOGGING_STREAM": "ext://sys.stderr",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_NO_USAGE_STATS": "1",
}


def prepare_environment(threads: int | None) -> None:
    """Set the variables that vLLM reads when it is imported; those the user has set stay.

    `threads` are the CPU threads of each worker; `None` leaves the choice to vLLM.
    """
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    if threads is not None:
        os.environ["OMP_NUM_THREADS"] = str(threads)
        os.environ["VLLM_CPU_OMP_THREADS_BIND"] = "nobind"


def check_engine_args(given: Mapping[str, Any]) -> None:
    """Raise `ConfigError` for engine arguments that a setting decides."""
    for name in given:
        if name in _SETTINGS:
            raise ConfigError(
                f"engine_args: {name} is a setting of its own", hint=f"set {_SETTINGS[name]} instead"
            )


def distribution_args(given: Mapping[str, Any]) -> dict[str, Any]:
    """The engine arguments that may change what is drawn, such as a quantization: part of the fingerprint."""
    return {name: value for name, value in sorted(given.items()) if name not in _OPERATIONAL}


def engine_arguments(
    model: str,
    given: Mapping[str, Any],
    *,
    source: Mapping[str, Any],
    dtype: str,
    context: int,
    slots: int,
    tensor_parallel_size: int,
    devices: int,
    adapter: Adapter | None,
) -> dict[str, Any]:
    """Keywords of vLLM's `AsyncEngineArgs`; what is `given` goes over everything that is no setting.

    As many replicas as the visible `devices` hold, unless `given` says how many; no devices are a CPU.
    """
    pipeline = int(given.get("pipeline_parallel_size", 1))
    # The token drawn after a part of a prompt is taken back, and that kills an engine whose generators are on
    # the CPU, which cannot go back: there, prompts are computed whole.
    whole = {"enable_chunked_prefill": False} if devices == 0 else {}
    lora = {"enable_lora": True, "max_loras": 1, "max_lora_rank": lora_rank(adapter.rank)} if adapter else {}
    return {
        "model": model,
        **source,
        "dtype": dtype,
        "max_model_len": context,
        "max_num_seqs": slots,
        "max_num_batched_tokens": max(BATCHED_TOKENS, slots, context if whole else 0),
        "tensor_parallel_size": tensor_parallel_size,
        "data_parallel_size": max(1, devices // (tensor_parallel_size * pipeline)),
        "enable_prefix_caching": True,
        # A pickle can run code.
        "load_format": "safetensors",
        "disable_log_stats": True,
        **whole,
        **lora,
        **given,
    }


def lora_rank(rank: int) -> int:
    """The lowest limit vLLM knows that holds `rank`."""
    return next((limit for limit in (1, 8, 16, 32, 64, 128, 256, 320, 512) if limit >= rank), rank)
