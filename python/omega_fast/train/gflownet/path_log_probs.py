"""What a language model gives sampled solutions: log-probabilities of their steps and stops, from one forward."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from omega_fast.errors import ConfigError, InputError
from omega_fast.models.step_logits import pad_sequences
from omega_fast.train.packing.attention import subtree_ends, tree_mask
from omega_fast.train.packing.layout import lay_out

__all__ = ["PathLogProbs", "Written", "path_log_probs"]


@dataclass(frozen=True, slots=True)
class Written:
    """A solution as token ids.

    Attributes:
        prompt: The tokens before it; at least one.
        ids: Its own tokens, without the one that stops it.
        ends: One past the last token of each step, in `ids`; the last is the length. At token level 1, 2, 3, ...

    Raises:
        InputError: If the prompt is empty, or the steps do not make up the solution.
    """

    prompt: tuple[int, ...]
    ids: tuple[int, ...]
    ends: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.prompt:
            raise InputError("a solution has a prompt of no tokens", hint="start it with the BOS token")
        starts = (0, *self.ends[:-1])
        whole = self.ends[-1] == len(self.ids) if self.ends else not self.ids
        if not whole or any(start >= end for start, end in zip(starts, self.ends, strict=False)):
            raise InputError(f"steps that end at {list(self.ends)} do not make up {len(self.ids)} tokens")


@dataclass(frozen=True, slots=True)
class PathLogProbs:
    """What `Paths` needs of a policy, with gradient; 0 in padding.

    Attributes:
        log_forward: log-probability of each step, the sum of those of its tokens, (solutions, steps).
        log_stop: log-probability of a stop token at each state, (solutions, steps + 1).
        lengths: Steps of each solution, (solutions,).
        hidden: The last layer's output at each state, (solutions, steps + 1, size), if it was asked for.
    """

    log_forward: Tensor
    log_stop: Tensor
    lengths: Tensor
    hidden: Tensor | None = None


def path_log_probs(
    network: Any,
    solutions: Sequence[Written],
    stop_ids: Sequence[int],
    *,
    packed: bool = True,
    temperature: float = 1.0,
    hidden: bool = False,
) -> PathLogProbs:
    """The log-probabilities of sampled solutions under a causal language model, in one forward.

    Packed, the solutions of a prompt are one row in which each beginning that they share stands once, and is computed
    once; otherwise each is a row of its own. Values and gradients are the same up to rounding. Whether a network can
    take packed rows is what `refuse_unpackable` finds out.

    Args:
        network: A transformers model for causal language modelling, with or without adapters.
        solutions: Of any prompts; what they are in one forward with is the caller's to limit.
        stop_ids: The tokens any of which stops a solution.
        packed: Whether shared beginnings are computed once.
        temperature: What logits are divided by: that of sampling.
        hidden: Whether to give the last layer's outputs, for learnt flows.

    Raises:
        InputError: If there are no solutions or no stop tokens, or a solution has a stop token within.
        ConfigError: If the temperature is not above 0.
    """
    _refuse_unusable(solutions, stop_ids)
    if not temperature > 0:
        raise ConfigError(f"log-probabilities at temperature {temperature:g}", hint="give one above 0")
    device = next(network.parameters()).device
    inputs, places = _packed(network, solutions) if packed else _rows(solutions)
    found = network(
        **{name: each.to(device) for name, each in inputs.items()},
        use_cache=False,
        output_hidden_states=hidden,
    )
    # What stands in padding is the first place: any place does
    before, _ = pad_sequences(
        [place[len(each.prompt) - 1 :] for each, place in zip(solutions, places, strict=True)]
    )
    tokens, mask = pad_sequences([each.ids or (0,) for each in solutions])
    mask *= torch.tensor([bool(each.ids) for each in solutions]).unsqueeze(1)
    states, there = pad_sequences([(0, *each.ends) for each in solutions])
    before, tokens, mask, states, there = (each.to(device) for each in (before, tokens, mask, states, there))

    logits, at = _at_places(found.logits, before)
    logits = logits / temperature
    normaliser = logits.logsumexp(dim=1)
    log_tokens = logits[at[:, : tokens.shape[1]], tokens] - normaliser[at[:, : tokens.shape[1]]]
    log_tokens = torch.where(mask.bool(), log_tokens, 0)
    # The step of a token is how many steps have ended before it; padding falls on the last, with 0
    places_of = torch.arange(tokens.shape[1], device=device)
    later = states[:, 1:].masked_fill(there[:, 1:] == 0, tokens.shape[1] + 1)
    steps = torch.searchsorted(later, places_of.expand(len(solutions), -1).contiguous(), right=True)
    log_forward = torch.zeros(later.shape, dtype=logits.dtype, device=device)
    if later.shape[1]:
        log_forward = log_forward.scatter_add(1, steps.clamp(max=later.shape[1] - 1), log_tokens)
    at_states = at.gather(1, states)
    log_stops = logits[:, list(stop_ids)].logsumexp(dim=1) - normaliser
    return PathLogProbs(
        log_forward=log_forward,
        log_stop=torch.where(there.bool(), log_stops[at_states], 0),
        lengths=there.sum(dim=1) - 1,
        hidden=found.hidden_states[-1].flatten(0, 1)[before.gather(1, states)] if hidden else None,
    )


def _refuse_unusable(solutions: Sequence[Written], stop_ids: Sequence[int]) -> None:
    if not solutions:
        raise InputError("there are no solutions to give log-probabilities to")
    if not stop_ids:
        raise InputError("there is no token that stops a solution", hint="give the tokenizer's EOS token")
    for number, each in enumerate(solutions):
        if not set(stop_ids).isdisjoint(each.ids):
            raise InputError(
                f"solution {number} has a stop token within",
                hint="leave it off: the stop is counted by itself",
            )


def _at_places(logits: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
    """The logits, in float32 or better, at the places that matter, each once, and where among them each is found.

    Prompts have long beginnings and vocabularies are large, so that nothing is done with the others.
    """
    used = torch.zeros(logits.shape[0] * logits.shape[1], dtype=torch.bool, device=logits.device)
    used[before.flatten()] = True
    picked = logits.flatten(0, 1)[used]
    return (picked if picked.dtype == torch.float64 else picked.float()), (used.cumsum(0) - 1)[before]


def _rows(solutions: Sequence[Written]) -> tuple[dict[str, Tensor], list[list[int]]]:
    """A row a solution, and where its tokens are in the rows laid end to end."""
    ids, mask = pad_sequences([each.prompt + each.ids for each in solutions])
    width = ids.shape[1]
    places = [
        list(range(row * width, row * width + len(each.prompt) + len(each.ids)))
        for row, each in enumerate(solutions)
    ]
    return {"input_ids": ids, "attention_mask": mask}, places


def _packed(network: Any, solutions: Sequence[Written]) -> tuple[dict[str, Tensor], list[list[int]]]:
    """A row a prompt, as a tree, and where the tokens of each solution are in the rows laid end to end."""
    by_prompt: dict[tuple[int, ...], list[int]] = {}
    for number, each in enumerate(solutions):
        by_prompt.setdefault(each.prompt, []).append(number)
    layouts = [
        lay_out([solutions[number].prompt + solutions[number].ids for number in numbers])
        for numbers in by_prompt.values()
    ]
    ends = subtree_ends(layouts)
    ids, depths = torch.zeros_like(ends), torch.zeros_like(ends)
    places: list[list[int]] = [[]] * len(solutions)
    for row, (layout, numbers) in enumerate(zip(layouts, by_prompt.values(), strict=True)):
        ids[row, : len(layout)] = torch.tensor(layout.ids)
        depths[row, : len(layout)] = torch.tensor(layout.depths)
        for number, place in zip(numbers, layout.places, strict=True):
            places[number] = [row * ends.shape[1] + each for each in place]
    device, dtype = next(network.parameters()).device, network.get_input_embeddings().weight.dtype
    mask = tree_mask(ends.to(device), str(network.config._attn_implementation), dtype)
    return {"input_ids": ids, "position_ids": depths, "attention_mask": mask}, places
