"""Checkpoints of scorers, loaded from safetensors alone and without code of theirs."""

from __future__ import annotations

import os
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from omega_fast.backends.checkpoint import without_progress_bars
from omega_fast.backends.policy_identity import context_limit
from omega_fast.errors import BackendError
from omega_fast.models.scorers.options import ScorerOptions

__all__ = ["device_of", "load_language_model", "load_tokenizer", "load_with", "longest", "sign_ids"]

_HINT = (
    "give a folder or hub name with config.json, tokenizer files and *.safetensors (a pickle can run code)"
)


def load_tokenizer(name: str, options: ScorerOptions) -> Any:
    """The checkpoint's tokenizer, or the one that is named instead.

    Raises:
        BackendError: It cannot be loaded, or cannot tell where tokens stand.
    """
    name, revision = (name, options.revision) if options.tokenizer is None else (options.tokenizer, None)
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, revision=revision)
    except (OSError, ValueError, ImportError) as error:
        raise BackendError(f"cannot load the tokenizer of {name!r}: {error}", hint=_HINT) from error
    if not tokenizer.is_fast:
        raise BackendError(
            f"the tokenizer of {name!r} does not tell where tokens stand in a text",
            hint="save it in the form of the tokenizers library (tokenizer.json)",
        )
    return tokenizer


def load_with(model_class: Any, name: str, options: ScorerOptions) -> Any:
    """A model of `model_class` in evaluation mode on its device, every weight from the checkpoint.

    Raises:
        BackendError: It cannot be loaded, or lacks weights, which would be drawn at random.
    """
    try:
        with without_progress_bars():
            model, told = model_class.from_pretrained(
                name,
                revision=options.revision,
                dtype=options.dtype if options.dtype == "auto" else getattr(torch, options.dtype),
                use_safetensors=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
    except (OSError, ValueError, ImportError, RuntimeError, KeyError) as error:
        raise BackendError(f"cannot load scorer {name!r}: {error}", hint=_HINT) from error
    if told["missing_keys"]:
        missing = ", ".join(sorted(told["missing_keys"])[:3])
        raise BackendError(f"{name!r} is not of this shape: it has no {missing}", hint="give another --shape")
    return model.to(device_of(options)).eval()


def device_of(options: ScorerOptions) -> str:
    """The device asked for; with `auto` this process's GPU if there is one."""
    if options.device != "auto":
        return options.device
    return f"cuda:{_local_rank()}" if torch.cuda.is_available() else "cpu"


def _local_rank() -> int:
    """Which GPU is this process's, if torchrun started one for each."""
    said = os.environ.get("LOCAL_RANK", "0")
    return int(said) % torch.cuda.device_count() if said.isdigit() else 0


def load_language_model(name: str, options: ScorerOptions) -> Any:
    """A causal language model with its head. Raises like `load_with`."""
    return load_with(AutoModelForCausalLM, name, options)


def longest(name: str, model: Any, options: ScorerOptions) -> int:
    """Most tokens of a problem with its solution: the model's limit, or the option's if it is lower."""
    return context_limit(name, model.config, options.max_length)


def sign_ids(tokenizer: Any) -> list[int]:
    """The tokens `+` and `-`, each as it is written alone, in this order. Raises `BackendError` if they are one."""
    ids = [tokenizer.encode(sign, add_special_tokens=False)[-1] for sign in ("+", "-")]
    if ids[0] == ids[1]:
        raise BackendError("the tokenizer has no tokens for + and -", hint="give another --shape")
    return ids
