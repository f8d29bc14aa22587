"""Demonstrations as token ids, in batches of like length."""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from omega_fast.models.ledger_policy.recipe import TrainingConfig
from omega_fast.tasks.ledger.demonstrations import demonstrate
from omega_fast.tasks.ledger.questions import problems
from omega_fast.tasks.ledger.text import render

__all__ = ["Example", "batches_by_length", "collate"]


@dataclass(frozen=True, slots=True)
class Example:
    """The ids of prompt, solution and end of sequence; `start` is where the solution starts."""

    ids: list[int]
    start: int


def batches_by_length(
    tokenizer: PreTrainedTokenizerFast, config: TrainingConfig, number: int, rng: random.Random
) -> list[list[Example]]:
    """The demonstrations of phase `number`, shortest batch first; each phase draws its own train problems."""
    examples = sorted(_examples(tokenizer, config, number, rng), key=lambda example: len(example.ids))
    return [examples[i : i + config.batch_size] for i in range(0, len(examples), config.batch_size)]


def _examples(
    tokenizer: PreTrainedTokenizerFast, config: TrainingConfig, number: int, rng: random.Random
) -> list[Example]:
    phase = config.phases[number]
    drawn = islice(problems(config.problems, config.seed * 1000 + number, "train"), phase.demonstrations)
    texts = [(render(p) + "\n", "".join(demonstrate(p, phase.rates, rng))) for p in drawn]
    prompts = tokenizer([prompt for prompt, _ in texts])["input_ids"]
    solutions = tokenizer([solution for _, solution in texts], add_special_tokens=False)["input_ids"]
    end = tokenizer.eos_token_id
    return [Example([*p, *s, end], len(p)) for p, s in zip(prompts, solutions, strict=True)]


def collate(batch: list[Example]) -> tuple[Tensor, Tensor]:
    """Ids `[examples, length]`, padded on the right, and where they belong to a solution or its end."""
    length = max(len(example.ids) for example in batch)
    ids = torch.tensor([example.ids + [0] * (length - len(example.ids)) for example in batch])
    starts = torch.tensor([example.start for example in batch])[:, None]
    ends = torch.tensor([len(example.ids) for example in batch])[:, None]
    columns = torch.arange(length)
    return ids, (columns >= starts) & (columns < ends)
