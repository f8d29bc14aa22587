"""The trainer of generative process reward models: cross-entropy on what the assistant says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.optim import Optimizer
from transformers import TrainingArguments

from omega_fast.models.step_logits import pad_sequences
from omega_fast.train.batches import IGNORED
from omega_fast.train.generative_data import Talk
from omega_fast.train.unit_trainer import Judge, UnitTrainer

__all__ = ["GenerativeTrainer", "talk_batch", "verdict_weights"]


def verdict_weights(talks: Sequence[Talk], weight: float, *, balance: bool) -> tuple[float, float]:
    """What a wrong and a right verdict count: `weight` on the mean, and both kinds alike in all if balanced."""
    rights = [right for talk in talks for _, right in talk.verdicts]
    counts = (rights.count(False), rights.count(True))
    if not balance or not all(counts):
        return weight, weight
    wrong, right = (weight * len(rights) / 2 / count for count in counts)
    return wrong, right


def talk_batch(talks: Sequence[Talk], weights: tuple[float, float] = (1.0, 1.0)) -> dict[str, Tensor]:
    """Conversations padded to a batch.

    `input_ids`, `attention_mask`, `labels`, `weights`, (conversations, tokens); a label is the token itself where the
    assistant says it, and `IGNORED` elsewhere. The first token follows nothing and is never learnt.

    Args:
        talks: The conversations.
        weights: What a wrong and a right verdict count; other tokens count 1.
    """
    ids, mask = pad_sequences([each.ids for each in talks])
    spoken, _ = pad_sequences([(False, *each.spoken[1:]) for each in talks])
    counting = torch.ones(ids.shape)
    for row, each in enumerate(talks):
        for at, right in each.verdicts:
            counting[row, at] = weights[right]
    return {
        "input_ids": ids,
        "attention_mask": mask,
        "labels": torch.where((spoken != 0) & (mask != 0), ids, IGNORED),
        "weights": counting,
    }


class GenerativeTrainer(UnitTrainer):
    """Minimises the cross-entropy of the assistant's tokens; units are tokens.

    Args:
        network: A causal language model, possibly with adapters.
        arguments: transformers' own.
        tokenizer: The model's.
        train: What to learn from.
        held: What to tell the loss on; may be empty.
        judge: See `UnitTrainer`.
        optimizer: See `UnitTrainer`.
        weights: What a wrong and a right verdict count beside the other tokens, which count 1.
    """

    def __init__(
        self,
        network: Any,
        arguments: TrainingArguments,
        *,
        tokenizer: Any,
        train: Sequence[Talk],
        held: Sequence[Talk] = (),
        judge: Judge | None = None,
        optimizer: Optimizer | None = None,
        weights: tuple[float, float] = (1.0, 1.0),
    ) -> None:
        super().__init__(
            network,
            arguments,
            collator=partial(talk_batch, weights=weights),
            tokenizer=tokenizer,
            train=train,
            held=held,
            judge=judge,
            optimizer=optimizer,
        )

    def unit_losses(self, model: Any, inputs: Mapping[str, Tensor]) -> tuple[Tensor, Any]:
        """The loss of each token, (conversations, tokens - 1)."""
        found = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"])
        logits = found.logits[:, :-1].float().transpose(1, 2)
        losses = cross_entropy(logits, inputs["labels"][:, 1:], ignore_index=IGNORED, reduction="none")
        return losses * inputs["weights"][:, 1:], found
