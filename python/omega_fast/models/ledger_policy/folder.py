"""The folder a trained policy is kept in, in a form that every supported `transformers` reads alike."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

__all__ = ["write_policy", "write_provenance"]


def write_policy(folder: Path, model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast) -> None:
    """Write weights, configuration, generation defaults and tokenizer, as `from_pretrained` expects them.

    Two entries are added for `transformers` 4, which would otherwise fall back to another rotary base in
    silence and not know the tokenizer's class.
    """
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    rope: Any = model.config.rope_parameters
    _amend(folder / "config.json", {"rope_theta": rope["rope_theta"]})
    _amend(folder / "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast"})
    (folder / "model.safetensors").chmod(0o644)


def write_provenance(folder: Path, provenance: Mapping[str, Any]) -> None:
    """What the policy was made with and what it can do, as `provenance.json` beside the weights."""
    (folder / "provenance.json").write_text(json.dumps(provenance, indent=2) + "\n")


def _amend(path: Path, entries: Mapping[str, Any]) -> None:
    settings = json.loads(path.read_text()) | entries
    path.write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n")
