"""The trainer of generative process reward models: cross-entropy on what the assistant says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

__all__ = ["GenerativeTrainer", "talk_batch"]


def talk_batch(talks: Sequence[Talk]) -> dict[str, Tensor]:
    """Conversations padded to a batch.

    `input_ids`, `attention_mask` and `labels`, (conversations, tokens); a label is the token itself where the assistant
    says it, and `IGNORED` elsewhere. The first token follows nothing and is never learnt.
    """
    ids, mask = pad_sequences([each.ids for each in talks])
    spoken, _ = pad_sequences([(False, *each.spoken[1:]) for each in talks])
    return {
        "input_ids": ids,
        "attention_mask": mask,
        "labels": torch.where((spoken != 0) & (mask != 0), ids, IGNORED),
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
    ) -> None:
        super().__init__(
            network,
            arguments,
            collator=talk_batch,
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
        return cross_entropy(logits, inputs["labels"][:, 1:], ignore_index=IGNORED, reduction="none"), found
