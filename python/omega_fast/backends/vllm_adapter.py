"""A LoRA adapter on disk: what vLLM has to know of it, and what identifies it. Loads no heavy library."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from omega_fast.errors import BackendError

__all__ = ["Adapter", "open_adapter"]

_ADAPTER_CONFIG = "adapter_config.json"
_ADAPTER_WEIGHTS = "adapter_model.safetensors"


@dataclass(frozen=True, slots=True)
class Adapter:
    """A LoRA adapter in peft's format (Hu et al., arXiv 2106.09685).

    Attributes:
        path: Its folder.
        rank: Of its matrices.
        sha256: Hash of its configuration and weights.
    """

    path: Path
    rank: int
    sha256: str


def open_adapter(path: Path) -> Adapter:
    """Read an adapter's configuration. Raises `BackendError` if it is not one, or its weights are pickled."""
    digest = hashlib.sha256()
    try:
        config = (path / _ADAPTER_CONFIG).read_bytes()
        digest.update(config)
        with (path / _ADAPTER_WEIGHTS).open("rb") as weights:
            while block := weights.read(1 << 20):
                digest.update(block)
        rank = int(json.loads(config)["r"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BackendError(
            f"cannot read adapter {path}: {error}",
            hint=f"give a folder with {_ADAPTER_CONFIG} and {_ADAPTER_WEIGHTS}, as peft saves them",
        ) from error
    return Adapter(path.resolve(), rank, digest.hexdigest())
