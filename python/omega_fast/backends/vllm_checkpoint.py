"""What must be known of a checkpoint beside its weights, which vLLM loads: tokenizer, ends, precision, files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import AutoConfig, AutoTokenizer, GenerationConfig
from transformers.utils.hub import cached_file

from omega_fast.backends.policy_identity import checkpoint_hashes, end_ids
from omega_fast.errors import BackendError

__all__ = ["VllmCheckpoint", "open_checkpoint"]


@dataclass(frozen=True, slots=True)
class VllmCheckpoint:
    """A checkpoint without its weights.

    Attributes:
        tokenizer: Its transformers tokenizer.
        config: Configuration of the language model in it.
        eos_ids: Every id that ends a text.
        dtype: The precision it was saved in, without `torch.`.
        source: Where its files come from: revision, and whether its own code is run.
        config_path: Its `config.json`, in a folder or in the hub's cache.
    """

    tokenizer: Any
    config: Any
    eos_ids: frozenset[int]
    dtype: str
    source: Mapping[str, Any]
    config_path: Path

    def identity(self) -> dict[str, Any]:
        """Content hashes of all files, and where they come from. The weights must have been loaded once."""
        return {
            "revision": self.source["revision"],
            "remote_code": self.source["trust_remote_code"],
            **checkpoint_hashes(self.config_path.parent),
        }


def open_checkpoint(name: str, *, revision: str | None, trust_remote_code: bool) -> VllmCheckpoint:
    """Read what `name`, a folder or a hub name, says about itself. Raises `BackendError` where that fails."""
    source = {"revision": revision, "trust_remote_code": trust_remote_code}
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, **source)
        config = AutoConfig.from_pretrained(name, **source)
        path = Path(str(cached_file(name, "config.json", revision=revision)))
    except (OSError, ValueError, ImportError, RuntimeError, KeyError) as error:
        raise BackendError(
            f"cannot read model {name!r}: {error}",
            hint="give a folder or hub name with config.json, tokenizer files and *.safetensors",
        ) from error
    text_config = config.get_text_config()
    return VllmCheckpoint(
        tokenizer=tokenizer,
        config=text_config,
        eos_ids=end_ids(config, text_config, _generation_config(name, revision), tokenizer),
        dtype=str(text_config.dtype or config.dtype or "float32").removeprefix("torch."),
        source=source,
        config_path=path,
    )


def _generation_config(name: str, revision: str | None) -> Any:
    try:
        return GenerationConfig.from_pretrained(name, revision=revision or "main")
    except OSError:  # not every model has one
        return None
