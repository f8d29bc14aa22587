"""A causal language model loaded from safetensors, with its tokenizer, and what identifies them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging
from transformers.utils.hub import cached_file

from omega_fast.backends.policy_identity import checkpoint_hashes, end_ids, policy_name
from omega_fast.backends.vllm_adapter import open_adapter
from omega_fast.errors import BackendError

__all__ = ["Checkpoint", "load_checkpoint", "without_progress_bars"]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model ready for inference.

    Attributes:
        name: Base name of a local folder, or the hub name as given.
        model: The transformers model, in evaluation mode on its device.
        tokenizer: Its transformers tokenizer.
        eos_ids: Every id that ends a text.
        identity: Content hashes of configuration, tokenizer and weights, and the revision; JSON values.
    """

    name: str
    model: Any
    tokenizer: Any
    eos_ids: frozenset[int]
    identity: dict[str, Any]


def load_checkpoint(
    name: str,
    *,
    revision: str | None,
    dtype: Literal["auto", "float32", "bfloat16", "float16"],
    device: str,
    attention: str,
    trust_remote_code: bool,
    adapter: Path | None = None,
) -> Checkpoint:
    """Load `name`, a folder or a hub name, with a LoRA adapter worked into its weights if one is named.

    Raises `BackendError` where that fails, also for weights that are not safetensors: a pickle can run code.
    """
    more = {} if adapter is None else {"adapter": open_adapter(adapter).sha256}
    source = {"revision": revision, "trust_remote_code": trust_remote_code}
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, **source)
        with without_progress_bars():
            model: Any = AutoModelForCausalLM.from_pretrained(
                name,
                dtype=dtype if dtype == "auto" else getattr(torch, dtype),
                attn_implementation=attention,
                use_safetensors=True,
                **source,
            )
        if adapter is not None:
            model = _adapted(model, adapter)
        model.to(device)
        model.eval()
        folder = Path(str(cached_file(name, "config.json", revision=revision))).parent
    except (OSError, ValueError, ImportError, RuntimeError, KeyError) as error:
        raise BackendError(
            f"cannot load model {name!r}: {error}",
            hint=_hint(Path(name)),
        ) from error
    return Checkpoint(
        name=policy_name(name),
        model=model,
        tokenizer=tokenizer,
        eos_ids=end_ids(model.config, model.generation_config, tokenizer),
        identity={
            "revision": revision,
            "remote_code": trust_remote_code,
            **checkpoint_hashes(folder),
            **more,
        },
    )


def _adapted(model: Any, adapter: Path) -> Any:
    """The model with the adapter's matrices added to its own (Hu et al., arXiv 2106.09685)."""
    try:
        from peft import PeftModel  # noqa: PLC0415 - only adapters need it
    except ImportError as error:
        raise BackendError(
            "an adapter needs peft, which is not there", hint="install omega_fast[train]"
        ) from error
    return PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()


def _hint(folder: Path) -> str:
    pickled = next((each.name for kind in ("*.bin", "*.pt") for each in folder.glob(kind)), None)
    if pickled is not None and not any(folder.glob("*.safetensors")):
        return f"{pickled} is pickled, which can run code: convert it to *.safetensors with model.save_pretrained"
    return "give a folder or hub name with config.json, tokenizer files and *.safetensors"


@contextmanager
def without_progress_bars() -> Iterator[None]:
    """Progress is the caller's to show; the library's own bars come back afterwards."""
    bars: Any = transformers_logging
    shown = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            bars.enable_progress_bar()
