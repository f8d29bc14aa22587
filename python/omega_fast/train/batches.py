"""Examples as token sequences with targets, and sequences as padded batches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from omega_fast.errors import InputError
from omega_fast.models.step_encoder import StepEncoder, UnfitError
from omega_fast.models.step_logits import pad_sequences
from omega_fast.store.formats import RowFault
from omega_fast.train.data import Example, Faults, SiblingPair, class_weights, normalised, sibling_pairs
from omega_fast.train.objective import OBJECTIVES, Unit, targets_of
from omega_fast.train.prm_config import PrmConfig

__all__ = ["Collator", "Item", "Sequenced", "fitting", "items_of", "tokens_in"]

IGNORED = -100
"""What transformers leaves out when it counts the units of a batch."""


@dataclass(frozen=True, slots=True)
class Sequenced:
    """One sequence with the starts and ends of its steps, their targets (`None` for no label) and weights."""

    ids: tuple[int, ...]
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    targets: tuple[float | None, ...]
    weights: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """What a batch is drawn from: a solution, or two siblings that must come together."""

    sequences: tuple[Sequenced, ...]


def fitting(
    examples: Sequence[Example], encoder: StepEncoder, config: PrmConfig, faults: Faults
) -> list[Example]:
    """The examples that can be encoded whole and have a label; `faults` takes the others."""
    kept = []
    for each in examples:
        content = {"question": each.solution.question, "steps": list(each.solution.steps)}
        try:
            encoder.encode(each.solution.question, each.solution.steps)
        except UnfitError as error:
            faults.add(error.kind, RowFault(each.place, error.message, content))
        except InputError as error:
            faults.add("unfit", RowFault(each.place, error.message, content))
        else:
            if all(target is None for target in targets_of(each, config)):
                reason = f"no step has a label of the kind {config.labels} for loss {config.loss}"
                faults.add("no_label", RowFault(each.place, reason, content))
            else:
                kept.append(each)
    return kept


def items_of(examples: Sequence[Example], encoder: StepEncoder, config: PrmConfig) -> list[Item]:
    """What batches are drawn from. The examples must have passed `fitting`."""
    if OBJECTIVES[config.loss].unit == "pair":
        pairs = sibling_pairs(examples, config.labels, config.threshold, config.pairs_per_prefix)
        scaled = normalised([each.weight for each in pairs])
        return [_pair(each, weight, encoder) for each, weight in zip(pairs, scaled, strict=True)]
    targets = [targets_of(each, config) for each in examples]
    known = [target for each in targets for target in each if target is not None]
    wrong, right = class_weights(known) if config.balance else (1.0, 1.0)
    scaled = normalised([each.weight for each in examples])
    items = []
    for example, steps, weight in zip(examples, targets, scaled, strict=True):
        encoded = encoder.encode(example.solution.question, example.solution.steps)
        weights = tuple(
            0.0
            if step is None
            else weight * (step * right + (1 - step) * wrong)
            if config.balance
            else weight
            for step in steps
        )
        items.append(Item((Sequenced(encoded.ids, encoded.starts, encoded.ends, tuple(steps), weights),)))
    return items


def tokens_in(items: Sequence[Item]) -> int:
    """Tokens of all sequences."""
    return sum(len(sequence.ids) for each in items for sequence in each.sequences)


class Collator:
    """Pads items to a batch of tensors.

    The batch has `input_ids` and `attention_mask`, (sequences, tokens); `ends`, `targets`, `mask` and `weights`,
    (sequences, steps); and `labels`, which has a 0 for each unit the loss is a mean over and -100 elsewhere:
    transformers counts by it across processes and accumulated batches.

    Args:
        unit: What the loss is a mean over.
    """

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def __call__(self, items: Sequence[Item]) -> dict[str, Tensor]:
        """The batch of some items."""
        sequences = [sequence for item in items for sequence in item.sequences]
        ids, attention = pad_sequences([each.ids for each in sequences])
        ends, _ = pad_sequences([each.ends for each in sequences])
        targets = torch.full(ends.shape, math.nan)
        weights = torch.zeros(ends.shape)
        for row, each in enumerate(sequences):
            known = [math.nan if target is None else target for target in each.targets]
            targets[row, : len(known)] = torch.tensor(known)
            weights[row, : len(known)] = torch.tensor(each.weights)
        mask = ~targets.isnan()
        return {
            "input_ids": ids,
            "attention_mask": attention,
            "ends": ends,
            "targets": targets.nan_to_num(),
            "mask": mask,
            "weights": weights,
            "labels": self._counted(mask),
        }

    def _counted(self, mask: Tensor) -> Tensor:
        match self._unit:
            case "step":
                units = mask
            case "solution":
                units = mask.any(dim=1)
            case "pair":
                units = mask[0::2, 0]
        return torch.where(units, 0, IGNORED)


def _pair(pair: SiblingPair, weight: float, encoder: StepEncoder) -> Item:
    sides = []
    for steps, value in zip((pair.first, pair.second), pair.values, strict=True):
        encoded = encoder.encode(pair.question, steps)
        sides.append(Sequenced(encoded.ids, encoded.starts[-1:], encoded.ends[-1:], (value,), (weight,)))
    return Item(tuple(sides))
