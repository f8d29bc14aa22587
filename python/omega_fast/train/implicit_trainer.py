"""The trainer of implicit process reward models: transformers' own, with log-ratios of whole solutions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import Trainer, TrainingArguments

from omega_fast.models.solution_log_probs import solution_log_probs
from omega_fast.models.step_logits import pad_sequences
from omega_fast.train.implicit_config import ImplicitConfig
from omega_fast.train.implicit_data import Answer, OutcomeItem
from omega_fast.train.losses.implicit import implicit_ce, implicit_dpo

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


class ImplicitTrainer(Trainer):
    """Minimises `implicit_ce` or `implicit_dpo`.

    The loss of an update is the mean over the solutions or pairs of all its batches on all processes.

    Args:
        network: A causal language model, possibly with adapters.
        arguments: transformers' own.
        config: Objective and beta.
        tokenizer: The model's.
        train: What to learn from.
        held: What to tell the loss on; may be empty.
        reference: The reference's log-probability of a solution.
        judge: Called at every evaluation with the network as it is; its numbers are logged as `eval_NAME`.
        callbacks: transformers' own.
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
        judge: Callable[[Any], Mapping[str, float]] | None = None,
        callbacks: Sequence[Any] = (),
    ) -> None:
        self._objective = config.objective
        self._beta = config.beta
        self._judge = judge
        self._tells = bool(held)
        super().__init__(
            model=network,
            args=arguments,
            data_collator=OutcomeCollator(reference),
            train_dataset=list(train),
            eval_dataset=list(held),
            processing_class=tokenizer,
            callbacks=list(callbacks),
        )
        # Batches are counted by their labels whatever the model's own loss would take
        self.model_accepts_loss_kwargs = True
        self._loss_shifts_labels = False

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The sum of the losses over the number of units in the whole update, scaled for averaging processes."""
        ids, mask = inputs["input_ids"], inputs["attention_mask"]
        found = model(input_ids=ids, attention_mask=mask)
        log_probs = solution_log_probs(found.logits, ids, mask, inputs["starts"]).double().sum(dim=1)
        ratios = log_probs - inputs["references"]
        if self._objective == "ce":
            losses = implicit_ce(ratios, inputs["labels"], self._beta)
        else:
            losses = implicit_dpo(ratios, self._beta)
        if num_items_in_batch is None:
            loss = losses.mean()
        else:
            units = torch.as_tensor(num_items_in_batch, device=losses.device).flatten()[0]
            loss = losses.sum() / units.clamp(min=1) * self.accelerator.num_processes
        return (loss, found) if return_outputs else loss

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """The loss on what is held out, if anything is, and what the injected judge says."""
        metrics: dict[str, float] = dict(super().evaluate(*args, **kwargs)) if self._tells else {}
        if self._judge is not None:
            found = self._judge(self.accelerator.unwrap_model(self.model))
            judged = {f"eval_{name}": float(value) for name, value in found.items()}
            self.log(dict(judged))
            metrics |= judged
        return metrics
