"""Examples as token sequences with targets, and sequences as padded batches, a row each or packed as trees."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from omega_fast.errors import InputError
from omega_fast.models.step_encoder import StepEncoder, UnfitError
from omega_fast.models.step_logits import in_rows, pad_sequences
from omega_fast.store.formats import RowFault
from omega_fast.train.data import (
    Example,
    Faults,
    SiblingPair,
    class_weights,
    each_state_once,
    normalised,
    sibling_pairs,
)
from omega_fast.train.objective import OBJECTIVES, Unit, targets_of
from omega_fast.train.packing.attention import subtree_ends
from omega_fast.train.packing.layout import Layout
from omega_fast.train.prm_config import PrmConfig

__all__ = ["IGNORED", "Collator", "Item", "Pack", "Sequenced", "fitting", "items_of", "tokens_in"]

IGNORED = -100
"""The label of what is no unit: transformers leaves it out when it counts those of a batch."""


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
    """What must come together in a batch: a solution, or two siblings. They belong to the tree of a question."""

    sequences: tuple[Sequenced, ...]
    tree: str = ""


@dataclass(frozen=True, slots=True)
class Pack:
    """Items as one row in which each beginning that their sequences share stands once, in the layout's order."""

    items: tuple[Item, ...]
    layout: Layout


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
    scaled = normalised([each.weight for each in examples])
    weights = [[weight] * len(each) for weight, each in zip(scaled, targets, strict=True)]
    if config.state_weights == "once":
        targets, weights = each_state_once(list(map(_states, examples)), targets, weights)
    known = [target for each in targets for target in each if target is not None]
    wrong, right = class_weights(known) if config.balance else (1.0, 1.0)
    items = []
    for example, steps, counted in zip(examples, targets, weights, strict=True):
        if all(step is None for step in steps):
            continue
        encoded = encoder.encode(example.solution.question, example.solution.steps)
        by_step = tuple(
            0.0
            if step is None
            else weight * (step * right + (1 - step) * wrong)
            if config.balance
            else weight
            for step, weight in zip(steps, counted, strict=True)
        )
        sequence = Sequenced(encoded.ids, encoded.starts, encoded.ends, tuple(steps), by_step)
        items.append(Item((sequence,), example.solution.question))
    return items


def tokens_in(items: Sequence[Item]) -> int:
    """Tokens of all sequences."""
    return sum(len(sequence.ids) for each in items for sequence in each.sequences)


class Collator:
    """Pads items, or packs of them, to a batch of tensors.

    The batch has `input_ids` and `attention_mask`, (sequences, tokens), and `starts`, (sequences, steps), or of packs
    `input_ids`, `position_ids` and `subtrees`, (packs, tokens), of which the last is as `subtree_ends` has it; `ends`,
    as of `at_ends`, `targets`, `mask` and `weights`, (sequences, steps); and `labels`, which has a 0 for each unit
    the loss is a mean over and -100 elsewhere: transformers counts by it across processes and accumulated batches.

    Args:
        unit: What the loss is a mean over.
        pack_length: Tokens to which packs are filled up at least.
    """

    def __init__(self, unit: Unit, pack_length: int = 0) -> None:
        self._unit = unit
        self._pack_length = pack_length

    def __call__(self, drawn: Sequence[Item] | Sequence[Pack]) -> dict[str, Tensor]:
        """The batch of some items or packs."""
        packs = [each for each in drawn if isinstance(each, Pack)]
        items = [item for each in drawn for item in (each.items if isinstance(each, Pack) else (each,))]
        sequences = [sequence for item in items for sequence in item.sequences]
        inputs, ends = self._packed(packs, sequences) if packs else _in_own_rows(sequences)
        targets = torch.full(ends.shape, math.nan)
        weights = torch.zeros(ends.shape)
        for row, each in enumerate(sequences):
            known = [math.nan if target is None else target for target in each.targets]
            targets[row, : len(known)] = torch.tensor(known)
            weights[row, : len(known)] = torch.tensor(each.weights)
        mask = ~targets.isnan()
        return {
            **inputs,
            "ends": ends,
            "targets": targets.nan_to_num(),
            "mask": mask,
            "weights": weights,
            "labels": self._counted(mask),
        }

    def _packed(
        self, packs: Sequence[Pack], sequences: Sequence[Sequenced]
    ) -> tuple[dict[str, Tensor], Tensor]:
        layouts = [each.layout for each in packs]
        subtrees = subtree_ends(layouts, self._pack_length)
        ids, depths = torch.zeros_like(subtrees), torch.zeros_like(subtrees)
        for row, layout in enumerate(layouts):
            ids[row, : len(layout)] = torch.tensor(layout.ids)
            depths[row, : len(layout)] = torch.tensor(layout.depths)
        tokens = subtrees.shape[1]
        places = [(row * tokens, place) for row, layout in enumerate(layouts) for place in layout.places]
        ends, _ = pad_sequences(
            [
                [start + place[end] for end in each.ends]
                for (start, place), each in zip(places, sequences, strict=True)
            ]
        )
        return {"input_ids": ids, "position_ids": depths, "subtrees": subtrees}, ends

    def _counted(self, mask: Tensor) -> Tensor:
        match self._unit:
            case "step":
                units = mask
            case "solution":
                units = mask.any(dim=1)
            case "pair":
                units = mask[0::2, 0]
        return torch.where(units, 0, IGNORED)


def _in_own_rows(sequences: Sequence[Sequenced]) -> tuple[dict[str, Tensor], Tensor]:
    ids, attention = pad_sequences([each.ids for each in sequences])
    starts, _ = pad_sequences([each.starts for each in sequences])
    ends, _ = pad_sequences([each.ends for each in sequences])
    inputs = {"input_ids": ids, "attention_mask": attention, "starts": starts}
    return inputs, in_rows(ends, ids.shape[1])


def _states(example: Example) -> list[tuple[str, tuple[str, ...]]]:
    steps = tuple(example.solution.steps)
    return [(example.solution.question, steps[:at]) for at in range(1, len(steps) + 1)]


def _pair(pair: SiblingPair, weight: float, encoder: StepEncoder) -> Item:
    sides = []
    for steps, value in zip((pair.first, pair.second), pair.values, strict=True):
        encoded = encoder.encode(pair.question, steps)
        sides.append(Sequenced(encoded.ids, encoded.starts[-1:], encoded.ends[-1:], (value,), (weight,)))
    return Item(tuple(sides), pair.question)
