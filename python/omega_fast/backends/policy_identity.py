"""What identifies a policy whichever engine runs it: files by their content, limits, ends and sampling.

Engines that hold a checkpoint themselves give equal fingerprints for equal policies, so a run that one of them
began another may finish. What an engine is free in, such as batch sizes or kernels, is no part of it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from omega_fast.backends.prompts import PromptEncoder
from omega_fast.errors import BackendError
from omega_fast.records import Sampling

__all__ = [
    "checkpoint_hashes",
    "context_limit",
    "end_ids",
    "policy_fingerprint",
    "policy_name",
]

_HASHED_PER_TENSOR = 4096
_IDENTITY_FILES = ("config.json", "generation_config.json", "tokenizer.json")


def policy_fingerprint(
    name: str,
    identity: dict[str, Any],
    *,
    prompts: PromptEncoder,
    stop: tuple[str, ...],
    include_stop: bool,
    context: int,
    dtype: str,
    sampling: Sampling,
) -> dict[str, Any]:
    """Model, weights, tokenizer, template, stops, sampling and precision, as JSON values.

    Args:
        name: From `policy_name`.
        identity: What the files say: hashes, the revision, an adapter.
        prompts: Renders the questions.
        stop: Texts that end a continuation.
        include_stop: Whether they stay.
        context: Most tokens of prompt and continuation together.
        dtype: Of weights and computation, without `torch.`.
        sampling: Temperature and filters.
    """
    return {
        "model": name,
        **identity,
        "prompt": prompts.fingerprint(),
        "stop": list(stop),
        "include_stop": include_stop,
        "context": context,
        "dtype": dtype,
        "sampling": asdict(sampling),
    }


def policy_name(model: str) -> str:
    """Base name of a local folder, or a hub name as given."""
    return Path(model).resolve().name if Path(model).is_dir() else model


def context_limit(name: str, config: Any, wanted: int | None) -> int:
    """Most tokens a sequence may have: the lower of the configuration's limit and `wanted`.

    Raises `BackendError` if neither says anything.
    """
    own = getattr(config, "max_position_embeddings", None) or getattr(config, "max_seq_len", None)
    limits = [int(limit) for limit in (own, wanted) if limit]
    if not limits:
        raise BackendError(f"the configuration of {name} sets no context length", hint="give max_context")
    return min(limits)


def end_ids(*owners: Any) -> frozenset[int]:
    """Whatever a part of the checkpoint calls an end; chat models list several in the generation config."""
    ids: set[int] = set()
    for owner in owners:
        eos = getattr(owner, "eos_token_id", None)
        ids.update(eos if isinstance(eos, list | tuple) else () if eos is None else (eos,))
    return frozenset(ids)


def checkpoint_hashes(folder: Path) -> dict[str, str]:
    """Content hashes of configuration, tokenizer and weights of a checkpoint in safetensors."""
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
