"""The trainer under all others: transformers' own, with losses that are means over units, and an injected judge."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from transformers import Trainer, TrainingArguments

from omega_fast.errors import ConfigError
from omega_fast.train.batches import IGNORED

__all__ = ["Judge", "UnitTrainer"]

Judge = Callable[[Any], Mapping[str, float]]
"""Judges a network in training; what it gives is logged as `eval_NAME`."""


class UnitTrainer(Trainer):
    """Minimises the mean of a loss over units: steps, solutions or pairs.

    The mean is over the units of all batches of an update on all processes, so accumulating 8 batches of 1, or two
    processes with 4 each, give the gradient of one batch of 8. A trainer says by `unit_losses` what the loss of each
    unit is; the `labels` of its batches are `IGNORED` but for one place a unit.

    Args:
        network: What is trained, possibly with adapters.
        arguments: transformers' own.
        collator: Makes a batch of what is drawn.
        tokenizer: The model's.
        train: What to learn from.
        held: What to tell the loss on; may be empty.
        judge: Called at every evaluation with the network as it is, on every process.
        optimizer: Trains the network; transformers makes its AdamW unless one is given.
    """

    def __init__(
        self,
        network: Any,
        arguments: TrainingArguments,
        *,
        collator: Callable[[Sequence[Any]], dict[str, Tensor]],
        tokenizer: Any,
        train: Sequence[Any],
        held: Sequence[Any] = (),
        judge: Judge | None = None,
        optimizer: Optimizer | None = None,
    ) -> None:
        self._judge = judge
        self._tells = bool(held)
        super().__init__(
            model=network,
            args=arguments,
            data_collator=collator,
            train_dataset=list(train),
            eval_dataset=list(held),
            processing_class=tokenizer,
            optimizers=(optimizer, None),
        )
        # Batches are counted by their labels whatever the model's own loss would take
        self.model_accepts_loss_kwargs = True
        self._loss_shifts_labels = False

    def unit_losses(self, model: Any, inputs: Mapping[str, Tensor]) -> tuple[Tensor, Any]:
        """The losses of a batch, of any shape with zeros for what is no unit, and what the model gave."""
        raise NotImplementedError

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The sum of the losses over the number of units in the whole update, scaled for averaging processes."""
        losses, found = self.unit_losses(model, inputs)
        total = losses.sum()
        if num_items_in_batch is None:
            loss = total / (inputs["labels"] != IGNORED).sum().clamp(min=1)
        else:
            units = torch.as_tensor(num_items_in_batch, device=total.device).flatten()[0]
            loss = total / units.clamp(min=1) * self.accelerator.num_processes
        return (loss, found) if return_outputs else loss

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """The loss on what is held out, if anything is, and what the injected judge says.

        Raises:
            ConfigError: If the judge gives anything but numbers by name.
        """
        metrics: dict[str, float] = dict(super().evaluate(*args, **kwargs)) if self._tells else {}
        if self._judge is not None:
            found = self._judge(self.accelerator.unwrap_model(self.model))
            if not isinstance(found, Mapping):
                raise ConfigError(
                    f"evaluate gave a {type(found).__name__}", hint="let it return numbers by name"
                )
            judged = {f"eval_{name}": float(value) for name, value in found.items()}
            self.log(dict(judged))
            metrics |= judged
        return metrics
