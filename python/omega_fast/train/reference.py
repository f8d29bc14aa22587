"""The reference's log-probabilities: each solution's once, then from a file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import torch

from omega_fast.models.solution_log_probs import solution_log_probs
from omega_fast.models.step_logits import pad_sequences
from omega_fast.store.files import naming
from omega_fast.train.implicit_data import Answer

__all__ = ["ReferenceCache", "model_key"]

_BATCH_TOKENS = 8192


class ReferenceCache:
    """Log-probabilities of whole solutions by (model, solution), in a folder of JSON Lines.

    Processes that train together make it together, share the work, and each writes a file of its own; a line cut short
    by a crash counts as not there.

    Args:
        folder: Where the files are; made if it is not there.
        model: What tells the reference from others; see `model_key`.
    """

    def __init__(self, folder: Path, model: str) -> None:
        self._folder = folder
        self._model = model
        self._known: dict[str, float] = {}
        self._read()
        # Nobody writes before all have read: what is missing, and so who computes what, is then the same to all
        _wait_for_all()

    def __getitem__(self, answer: Answer) -> float:
        return self._known[answer.key]

    def missing(self, answers: Iterable[Answer]) -> list[Answer]:
        """The different ones among some solutions that are not known."""
        return list({each.key: each for each in answers if each.key not in self._known}.values())

    def fill(self, network: Any, answers: Iterable[Answer]) -> int:
        """Compute what is missing with a network, this process's share of it, and write it down; how many.

        Raises:
            StoreError: If it cannot be written.
        """
        rank, processes = (
            int(os.environ.get(name, usual)) for name, usual in (("RANK", "0"), ("WORLD_SIZE", "1"))
        )
        missing = self.missing(answers)
        path = self._folder / f"{self._model}.{rank}.jsonl"
        with naming(path):
            self._folder.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as file:
                file.write("\n" if path.stat().st_size else "")
                for key, log_prob in _log_probs(network, missing[rank::processes]):
                    file.write(json.dumps({"row": key, "log_prob": log_prob}) + "\n")
        _wait_for_all()
        self._read()
        return len(missing)

    def _read(self) -> None:
        for path in sorted(self._folder.glob(f"{self._model}.*.jsonl")):
            with naming(path):
                lines = path.read_text(encoding="utf-8").splitlines()
            for line in lines:
                try:
                    row = json.loads(line)
                    self._known[str(row["row"])] = float(row["log_prob"])
                except (ValueError, KeyError, TypeError):
                    continue


def _wait_for_all() -> None:
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()


def model_key(place: str, revision: str | None, dtype: str) -> str:
    """What tells a model's weights from others: the files of a folder by name, size and time, or name and revision."""
    parts: list[object] = [place, revision, dtype]
    if Path(place).is_dir():
        files = sorted(Path(place).glob("*.safetensors"))
        parts += [(each.name, each.stat().st_size, each.stat().st_mtime_ns) for each in files]
    return blake2b(repr(parts).encode(), digest_size=8).hexdigest()


@torch.inference_mode()
def _log_probs(network: Any, answers: Sequence[Answer]) -> Iterator[tuple[str, float]]:
    """The summed log-probability of each solution's tokens, longest first, in batches."""
    device = next(network.parameters()).device
    was_training = network.training
    network.eval()
    ordered = sorted(answers, key=lambda each: -len(each.ids))
    at = 0
    while at < len(ordered):
        batch = ordered[at : at + max(1, _BATCH_TOKENS // len(ordered[at].ids))]
        at += len(batch)
        ids, mask = (each.to(device) for each in pad_sequences([each.ids for each in batch]))
        starts = torch.tensor([each.start for each in batch], device=device)
        logits = network(input_ids=ids, attention_mask=mask).logits
        sums = solution_log_probs(logits, ids, mask, starts).double().sum(dim=1).tolist()
        yield from ((each.key, log_prob) for each, log_prob in zip(batch, sums, strict=True))
    network.train(was_training)
