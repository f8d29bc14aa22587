"""The shipped policy, loaded and ready to write ledger solutions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import AutoTokenizer, LlamaForCausalLM

from omega_fast.models.ledger_policy.location import ASSETS
from omega_fast.models.ledger_policy.sampler import LlamaSampler

__all__ = ["LedgerPolicy"]

_LINE = re.compile(r"[^\n]*\n|[^\n]+")


class LedgerPolicy:
    """The tiny policy with its tokenizer and a compact sampler.

    Args:
        path: A folder that the training command has written.
    """

    max_new_tokens = 128

    def __init__(self, path: Path = ASSETS) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(path)
        self.sampler = LlamaSampler(LlamaForCausalLM.from_pretrained(path))

    def encode(self, problem_text: str, steps: Sequence[str] = ()) -> list[int]:
        """The ids the policy continues: `<bos>`, the problem's line, and the steps' lines."""
        ids: list[int] = self.tokenizer(f"{problem_text}\n{''.join(steps)}")["input_ids"]
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """The text of generated ids."""
        return str(self.tokenizer.decode(list(ids)))

    def continue_all(
        self,
        prefixes: Sequence[tuple[str, Sequence[str]]],
        *,
        temperature: float = 1.0,
        seed: int = 0,
        batch_size: int = 256,
    ) -> list[list[str]]:
        """One continuation of each (problem text, steps so far), as lines with their newlines.

        Prefixes of like length run together; results come in the order of the arguments.
        """
        prompts = [self.encode(*prefix) for prefix in prefixes]
        order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
        generator = torch.Generator().manual_seed(seed)
        lines: list[list[str]] = [[] for _ in prompts]
        for begin in range(0, len(order), batch_size):
            batch = order[begin : begin + batch_size]
            continuations = self.sampler.sample(
                [prompts[i] for i in batch],
                temperature=temperature,
                max_new_tokens=self.max_new_tokens,
                generator=generator,
            )
            for i, ids in zip(batch, continuations, strict=True):
                lines[i] = _LINE.findall(self.decode(ids))
        return lines
