"""A causal language model loaded from safetensors, with its tokenizer, and what identifies them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging
from transformers.utils.hub import cached_file

from omega_fast.errors import BackendError

__all__ = ["Checkpoint", "load_checkpoint"]

_HASHED_PER_TENSOR = 4096
_IDENTITY_FILES = ("config.json", "generation_config.json", "tokenizer.json")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model ready for inference.

    Attributes:
        name: Base name of a local folder, or the hub name as given.
        model: The transformers model, in evaluation mode on its device.
        tokenizer: Its transformers tokenizer.
        context: Most tokens a sequence may have; 0 if the configuration sets no limit.
        eos_ids: Every id that ends a text.
        identity: Content hashes of configuration, tokenizer and weights, and the revision; JSON values.
    """

    name: str
    model: Any
    tokenizer: Any
    context: int
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
) -> Checkpoint:
    """Load `name`, a folder or a hub name.

    Raises `BackendError` where that fails, also for weights that are not safetensors: a pickle can run code.
    """
    source = {"revision": revision, "trust_remote_code": trust_remote_code}
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, **source)
        with _without_progress_bars():
            model: Any = AutoModelForCausalLM.from_pretrained(
                name,
                dtype=dtype if dtype == "auto" else getattr(torch, dtype),
                attn_implementation=attention,
                use_safetensors=True,
                **source,
            )
        model.to(device)
        model.eval()
        folder = Path(str(cached_file(name, "config.json", revision=revision))).parent
    except (OSError, ValueError, ImportError, RuntimeError, KeyError) as error:
        raise BackendError(
            f"cannot load model {name!r}: {error}",
            hint="give a folder or hub name with config.json, tokenizer files and *.safetensors; "
            "convert pickled weights (*.bin, *.pt) with model.save_pretrained",
        ) from error
    return Checkpoint(
        name=Path(name).resolve().name if Path(name).is_dir() else name,
        model=model,
        tokenizer=tokenizer,
        context=_context(model.config.get_text_config()),
        eos_ids=_eos_ids(model, tokenizer),
        identity={"revision": revision, "remote_code": trust_remote_code, **_content(folder)},
    )


@contextmanager
def _without_progress_bars() -> Iterator[None]:
    """Progress is the caller's to show; the library's own bars come back afterwards."""
    bars: Any = transformers_logging
    shown = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            bars.enable_progress_bar()


def _context(config: Any) -> int:
    return int(getattr(config, "max_position_embeddings", None) or getattr(config, "max_seq_len", None) or 0)


def _eos_ids(model: Any, tokenizer: Any) -> frozenset[int]:
    """Whatever a part of the checkpoint calls an end; chat models list several in the generation config."""
    ids: set[int] = set()
    for owner in (model.config, model.generation_config, tokenizer):
        eos = getattr(owner, "eos_token_id", None)
        ids.update(eos if isinstance(eos, (list, tuple)) else () if eos is None else (eos,))
    return frozenset(ids)


def _content(folder: Path) -> dict[str, str]:
    present = [folder / file for file in _IDENTITY_FILES if (folder / file).is_file()]
    hashes = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in present}
    return {**hashes, "weights": _weights_hash(sorted(folder.glob("*.safetensors")))}


def _weights_hash(files: list[Path]) -> str:
    """Hash of sizes, headers and the first bytes of each tensor: fast, and two fine-tunes still differ.

    A safetensors file is the header's length (8 bytes, little endian), the header (JSON) and the tensors'
    bytes.
    """
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.stat().st_size.to_bytes(8, "little"))
        with path.open("rb") as file:
            length = file.read(8)
            header = file.read(int.from_bytes(length, "little"))
            digest.update(header)
            start = file.tell()
            for name, tensor in json.loads(header).items():
                if name != "__metadata__":
                    begin, end = tensor["data_offsets"]
                    file.seek(start + begin)
                    digest.update(file.read(min(end - begin, _HASHED_PER_TENSOR)))
    return digest.hexdigest()
