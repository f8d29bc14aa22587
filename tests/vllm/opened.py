"""The ledger policy in every engine, and small annotation runs of it."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from omega_fast.config import PRESETS, AnnotateConfig
from omega_fast.records import Sampling

__all__ = [
    "BLOCK",
    "CONTEXT",
    "N_QUESTIONS",
    "SAMPLING",
    "SLOTS",
    "SMALL_ENGINE",
    "SMALL_SEARCH",
    "ledger_config",
    "open_served_at",
    "open_transformers_with",
    "open_vllm_with",
]

LEDGER_PROMPT = {"style": "plain", "text": "{problem}\n"}
SAMPLING = Sampling(temperature=1.0, top_k=0, top_p=1.0, max_new_tokens=128)
SLOTS = 64
N_QUESTIONS = 50
CONTEXT = 1024
BLOCK = 32
# With `binary` each question is searched for itself, so that engines can be compared over independent questions.
SMALL_SEARCH = {
    "locate": "binary",
    "num_rollouts": 8,
    "root_rollouts": 16,
    "rollout_budget": 60,
    "max_search_count": 4,
}

SMALL_ENGINE = {
    "enforce_eager": True,
    "block_size": BLOCK,
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


def open_served_at(url: str, name: str, tokenizer: Path, sampling: Sampling = SAMPLING) -> Any:
    from omega_fast.backends.openai import open_openai

    options = {"model": name, "base_url": url, "tokenizer": str(tokenizer)}
    return open_openai(options | {"slots": SLOTS, "prompt": LEDGER_PROMPT}, sampling)


def ledger_config(run: Path, **changes: Any) -> AnnotateConfig:
    given = {"question_file": "ledger", "limit": N_QUESTIONS, "slots": SLOTS, "output_dir": run}
    return AnnotateConfig(**{**PRESETS["ledger"], **SMALL_SEARCH, **given, **changes})
