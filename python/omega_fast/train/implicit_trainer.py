"""The trainer of implicit process reward models: losses on log-ratios of whole solutions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import TrainingArguments

from omega_fast.models.solution_log_probs import solution_log_probs
from omega_fast.models.step_logits import pad_sequences
from omega_fast.train.implicit_config import ImplicitConfig
from omega_fast.train.implicit_data import Answer, OutcomeItem
from omega_fast.train.losses.implicit import implicit_ce, implicit_dpo
from omega_fast.train.unit_trainer import Judge, UnitTrainer

__all__ = ["ImplicitTrainer", "OutcomeCollator"]


class OutcomeCollator:
    """Pads items to a batch of tensors.

    The batch has `input_ids` and `attention_mask`, (solutions, tokens); `starts` and `references`, (solutions,); and
    `labels`, 1 or 0 an item: transformers counts by it across processes and accumulated batches.

    Args:
        reference: The reference's log-probability of a solution.
    """

    def __init__(self, reference: Callable[[Answer], float]) -> None:
        self._reference = reference

    def __call__(self, items: Sequence[OutcomeItem]) -> dict[str, Tensor]:
        """The batch of some items."""
        answers = [answer for item in items for answer in item.answers]
        ids, mask = pad_sequences([each.ids for each in answers])
        return {
            "input_ids": ids,
            "attention_mask": mask,
            "starts": torch.tensor([each.start for each in answers]),
            "references": torch.tensor([self._reference(each) for each in answers], dtype=torch.float64),
            "labels": torch.tensor([int(each.label) for each in items]),
        }


class ImplicitTrainer(UnitTrainer):
    """Minimises `implicit_ce` or `implicit_dpo`; units are solutions or pairs.

    Args:
        network: A causal language model, possibly with adapters.
        arguments: transformers' own.
        config: Objective and beta.
        tokenizer: The model's.
        train: What to learn from.
        held: What to tell the loss on; may be empty.
        reference: The reference's log-probability of a solution.
        judge: See `UnitTrainer`.
    """

    def __init__(
        self,
        network: Any,
        arguments: TrainingArguments,
        config: ImplicitConfig,
        *,
        tokenizer: Any,
        train: Sequence[OutcomeItem],
        held: Sequence[OutcomeItem] = (),
        reference: Callable[[Answer], float],
        judge: Judge | None = None,
    ) -> None:
        self._objective = config.objective
        self._beta = config.beta
        super().__init__(
            network,
            arguments,
            collator=OutcomeCollator(reference),
            tokenizer=tokenizer,
            train=train,
            held=held,
            judge=judge,
        )

    def unit_losses(self, model: Any, inputs: Mapping[str, Tensor]) -> tuple[Tensor, Any]:
        """The loss of each solution, (solutions,), or pair, (pairs,)."""
        ids, mask = inputs["input_ids"], inputs["attention_mask"]
        found = model(input_ids=ids, attention_mask=mask)
        log_probs = solution_log_probs(found.logits, ids, mask, inputs["starts"]).double().sum(dim=1)
        ratios = log_probs - inputs["references"]
        if self._objective == "ce":
            return implicit_ce(ratios, inputs["labels"], self._beta), found
        return implicit_dpo(ratios, self._beta), found
