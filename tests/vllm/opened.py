"""The ledger policy in either engine, and small annotation runs of it."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from omega_fast.config import PRESETS, AnnotateConfig
from omega_fast.records import Sampling

__all__ = ["N_QUESTIONS", "SAMPLING", "ledger_config", "open_transformers_with", "open_vllm_with"]

LEDGER_PROMPT = {"style": "plain", "text": "{problem}\n"}
SAMPLING = Sampling(temperature=1.0, top_k=0, top_p=1.0, max_new_tokens=128)
SLOTS = 64
N_QUESTIONS = 50

SMALL_ENGINE = {
    "enforce_eager": True,
    "block_size": 32,
    # 16,384 tokens: more than what runs at once, far less than what a run has in all
    "num_gpu_blocks_override": 512,
    "kv_cache_memory_bytes": 2**28,
    "max_num_batched_tokens": 2048,
}


def open_vllm_with(model: Path, sampling: Sampling = SAMPLING, **options: Any) -> Any:
    options = {
        "model": str(model),
        "slots": SLOTS,
        "threads": 1,
        "prompt": LEDGER_PROMPT,
        "engine_args": SMALL_ENGINE,
        **options,
    }
    with warnings.catch_warnings(action="ignore"):  # importing vLLM brings those of its own libraries
        from omega_fast.backends.vllm import open_vllm

        return open_vllm(options, sampling)


def open_transformers_with(model: Path, sampling: Sampling = SAMPLING) -> Any:
    from omega_fast.backends.transformers import open_transformers

    return open_transformers(
        {"model": str(model), "slots": SLOTS, "threads": 1, "prompt": LEDGER_PROMPT}, sampling
    )


def ledger_config(run: Path, **changes: Any) -> AnnotateConfig:
    small = {"num_rollouts": 8, "root_rollouts": 16, "rollout_budget": 60, "max_search_count": 4}
    given = {"question_file": "ledger", "limit": N_QUESTIONS, "slots": SLOTS, "output_dir": run}
    return AnnotateConfig(**{**PRESETS["ledger"], **small, **given, **changes})
