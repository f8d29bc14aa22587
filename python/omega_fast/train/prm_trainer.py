"""The trainer of token-cls, value, ntp and tuned probes: our losses on the ends of steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import TrainingArguments

from omega_fast.models.markers import classes_of
from omega_fast.models.prm_card import PrmCard
from omega_fast.models.probe import Probe, load_probe, save_probe
from omega_fast.models.step_logits import at_ends, of_classes
from omega_fast.train.batches import Collator, Item, Pack
from omega_fast.train.objective import OBJECTIVES, Objective
from omega_fast.train.packing.attention import tree_mask
from omega_fast.train.prm_config import PrmConfig
from omega_fast.train.unit_trainer import Judge, UnitTrainer

__all__ = ["PrmTrainer"]

_BLOCK = 128
"""Tokens of a block of FlexAttention."""


class PrmTrainer(UnitTrainer):
    """Minimises one of `OBJECTIVES`.

    Args:
        network: Token classification with 2 classes or 1, or a language model for `ntp`, possibly with adapters, or a
            probe that is tuned.
        arguments: transformers' own.
        config: Loss and what belongs to it.
        card: How solutions are laid out.
        tokenizer: The model's.
        train: What to learn from: items, or packs of them.
        held: What to tell the loss on; may be empty.
        judge: See `UnitTrainer`.
    """

    def __init__(
        self,
        network: Any,
        arguments: TrainingArguments,
        config: PrmConfig,
        *,
        card: PrmCard,
        tokenizer: Any,
        train: Sequence[Item] | Sequence[Pack],
        held: Sequence[Item] = (),
        judge: Judge | None = None,
    ) -> None:
        self.objective: Objective = OBJECTIVES[config.loss]
        self.settings = config
        self.card = card
        self._classes = classes_of(tokenizer, card)
        self._attention = str(network.config._attn_implementation)
        self._dtype = next(network.parameters()).dtype
        super().__init__(
            network,
            arguments,
            collator=Collator(self.objective.unit, _pack_length(train, self._attention)),
            tokenizer=tokenizer,
            train=train,
            held=held,
            judge=judge,
        )

    def unit_losses(self, model: Any, inputs: Mapping[str, Tensor]) -> tuple[Tensor, Any]:
        """The weighted losses of steps, (sequences, steps), solutions, (sequences,), or pairs, (pairs,)."""
        found = model(**self._inputs(inputs))
        outputs = of_classes(at_ends(found.logits, inputs["ends"]), self._classes)
        losses = self.objective.losses(outputs, inputs["targets"], inputs["mask"], self.settings)
        return losses * _unit_weights(inputs["weights"], self.objective), found

    def _inputs(self, batch: Mapping[str, Tensor]) -> dict[str, Any]:
        """What the network takes of a batch."""
        if "subtrees" not in batch:
            rows = {name: batch[name] for name in ("input_ids", "attention_mask")}
            return {**rows, **_spans(batch)} if self.settings.head == "probe" else rows
        mask = tree_mask(batch["subtrees"], self._attention, self._dtype)
        return {
            "input_ids": batch["input_ids"],
            "position_ids": batch["position_ids"],
            "attention_mask": mask,
            "use_cache": False,
        }

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """As transformers does, and a probe as it is loaded: the language model, and the layers beside it."""
        if not isinstance(self.model, Probe):
            super()._save(output_dir, state_dict)
        elif self.args.should_save:
            folder = Path(str(output_dir or self.args.output_dir))
            folder.mkdir(parents=True, exist_ok=True)
            save_probe(self.model, folder)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        if isinstance(self.model, Probe):
            saved = load_probe(resume_from_checkpoint, self.card, dtype="float32", attention=self._attention)
            self.model.load_state_dict(saved.state_dict())
        else:
            super()._load_from_checkpoint(resume_from_checkpoint, model)


def _spans(batch: Mapping[str, Tensor]) -> dict[str, list[list[int]]]:
    """Where the steps of each row start and end. A step ends behind its first token, so what ends at 0 is padding."""
    rows, tokens = batch["input_ids"].shape
    ends = (batch["ends"] - tokens * torch.arange(rows, device=batch["ends"].device).unsqueeze(1)).tolist()
    steps = [sum(end > 0 for end in each) for each in ends]
    found = {"starts": batch["starts"].tolist(), "ends": ends}
    return {
        name: [each[:count] for each, count in zip(spans, steps, strict=True)]
        for name, spans in found.items()
    }


def _unit_weights(weights: Tensor, objective: Objective) -> Tensor:
    """The weights of steps as weights of units; a solution's and a pair's are those of any of its steps."""
    match objective.unit:
        case "step":
            return weights
        case "solution":
            return weights.amax(dim=1)
        case "pair":
            return weights[0::2, 0]


def _pack_length(train: Sequence[Item] | Sequence[Pack], attention: str) -> int:
    """The length of all packs for FlexAttention, which is compiled for each length; 0 for other attention."""
    longest = max((len(each.layout) for each in train if isinstance(each, Pack)), default=0)
    return -(-longest // _BLOCK) * _BLOCK if attention == "flex_attention" else 0
