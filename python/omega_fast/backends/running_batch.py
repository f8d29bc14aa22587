"""The requests a model is working on: each in its row of the cache, one token for all of them a turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache, DynamicCache

from omega_fast.backends.decode_masks import DecodeMask
from omega_fast.backends.sampler import sample_tokens, seed_key
from omega_fast.backends.slot_cache import SlotCache
from omega_fast.backends.tokens import TokenStream
from omega_fast.records import GenerationRequest, Sampling

__all__ = ["Row", "RunningBatch"]

_LENGTH_SPREAD = 1.25
"""Prompts share a prefill if the longest is at most this much longer than the shortest: padding is work."""


@dataclass(slots=True, eq=False)
class Row:
    """One request in the batch: what it continues, what it has generated, and its row of the cache.

    `max_tokens` is the request's limit or what the context leaves, whichever is less. `stream` and `tail`,
    the end of its text, are kept only where stop strings have to be looked for.
    """

    request: GenerationRequest
    prompt_ids: tuple[int, ...]
    max_tokens: int
    stream: TokenStream | None = None
    tail: str = ""
    generated: list[int] = field(default_factory=list)
    index: int = -1


class RunningBatch:
    """Rows 0 to `len(rows)` of a cache, and the forwards that fill and extend them.

    The cache holds every token of a row but the last, which is the next turn's input. So a prompt is
    prefilled without its last token, needs no logits, and its first token is drawn in the same way as all
    others.
    """

    def __init__(
        self, model: Any, mask: DecodeMask, sampling: Sampling, *, slots: int, prefill_tokens: int
    ) -> None:
        self.rows: list[Row] = []
        self._model = model
        self._mask = mask
        self._sampling = sampling
        self._slots = slots
        self._prefill_tokens = prefill_tokens
        self._cache = SlotCache(model.config.get_text_config().num_hidden_layers, slots)
        self._by_prompt: dict[tuple[int, ...], list[Row]] = {}
        integers = {"dtype": torch.int64, "device": model.device}
        self._positions = torch.zeros(slots, **integers)
        self._inputs = torch.zeros(slots, **integers)
        self._seeds = torch.zeros(slots, **integers)
        self._steps = torch.zeros(slots, **integers)

    @property
    def free(self) -> int:
        """Rows that are not taken."""
        return self._slots - len(self.rows)

    def admit(self, newcomers: Sequence[Row]) -> list[tuple[Row, Exception]]:
        """Take rows in, at most `free`; returns those whose prefill failed, with the reason.

        A prompt is computed once, however many of the newcomers share it, and not at all while a running row
        has it.
        """
        waiting: dict[tuple[int, ...], list[Row]] = {}
        for row in newcomers:
            waiting.setdefault(row.prompt_ids, []).append(row)
        failed: list[tuple[Row, Exception]] = []
        for prompts in self._prefill_groups([ids for ids in waiting if not self._is_resident(ids)]):
            try:
                computed = self._prefill(prompts)
            except (
                Exception
            ) as error:  # out of memory and whatever else a kernel raises: these rows' failure alone
                failed.extend((row, error) for ids in prompts for row in waiting.pop(ids))
                continue
            group = [(row, source) for source, ids in enumerate(prompts) for row in waiting.pop(ids)]
            failed.extend(self._enter([row for row, _ in group], computed, [source for _, source in group]))
        for ids, rows in waiting.items():
            donors = self._by_prompt.get(ids)
            failed.extend(self._enter(rows, self._cache, [donors[0].index if donors else 0] * len(rows)))
        return failed

    def turn(self) -> list[int]:
        """One forward: appends a token to every row and returns them in row order."""
        n = len(self.rows)
        positions = self._positions[:n]
        span = self._span(self.rows)
        self._cache.open_turn(positions, span)
        logits = self._model(
            input_ids=self._inputs[:n, None],
            attention_mask=self._mask(positions, span),
            position_ids=positions[:, None],
            past_key_values=self._cache,
            use_cache=True,
        ).logits[:, -1]
        drawn = sample_tokens(logits, self._seeds[:n], self._steps[:n], self._sampling)
        if greedy := [row.index for row in self.rows if row.request.greedy]:
            drawn[greedy] = logits[greedy].argmax(dim=-1)
        self._inputs[:n] = drawn
        self._positions[:n] += 1
        self._steps[:n] += 1
        tokens: list[int] = drawn.tolist()
        for row, token in zip(self.rows, tokens, strict=True):
            row.generated.append(token)
        return tokens

    def drop(self, leavers: Sequence[Row]) -> None:
        """Take rows out; the last rows move into the gaps."""
        leaving = {row.index for row in leavers}
        n_left = len(self.rows) - len(leaving)
        targets = sorted(index for index in leaving if index < n_left)
        movers = [row for row in self.rows[n_left:] if row.index not in leaving]
        if movers:
            source = self._indices([row.index for row in movers])
            target = self._indices(targets)
            self._cache.move(source, target, self._span(movers))
            for state in (self._positions, self._inputs, self._seeds, self._steps):
                state[target] = state[source]
        for row in leavers:
            self._forget_prompt(row)
        for row, index in zip(movers, targets, strict=True):
            self.rows[index] = row
            row.index = index
        del self.rows[n_left:]

    def _is_resident(self, ids: tuple[int, ...]) -> bool:
        return len(ids) == 1 or ids in self._by_prompt

    def _prefill_groups(self, prompts: list[tuple[int, ...]]) -> Iterator[list[tuple[int, ...]]]:
        """Prompts of like length, within the budget of tokens for one forward."""
        group: list[tuple[int, ...]] = []
        for ids in sorted(prompts, key=len, reverse=True):
            if group and (
                len(group[0]) > _LENGTH_SPREAD * len(ids) + 8
                or len(group[0]) * (len(group) + 1) > self._prefill_tokens
            ):
                yield group
                group = []
            group.append(ids)
        if group:
            yield group

    def _prefill(self, prompts: list[tuple[int, ...]]) -> Cache:
        """Keys and values of all but each prompt's last token; causality hides the padding on the right."""
        width = len(prompts[0]) - 1
        padded = [[*ids[:-1], *[0] * (width - len(ids) + 1)] for ids in prompts]
        cache = DynamicCache()
        self._model.base_model(
            input_ids=torch.tensor(padded, device=self._model.device), past_key_values=cache, use_cache=True
        )
        return cache

    def _enter(self, rows: list[Row], source: Cache, source_rows: list[int]) -> list[tuple[Row, Exception]]:
        start = len(self.rows)
        end = start + len(rows)
        width = max(len(row.prompt_ids) for row in rows) - 1
        try:
            if width:
                self._cache.copy_in(start, source, self._indices(source_rows), width)
            self._positions[start:end] = self._indices([len(row.prompt_ids) - 1 for row in rows])
            self._inputs[start:end] = self._indices([row.prompt_ids[-1] for row in rows])
            self._seeds[start:end] = self._indices([seed_key(row.request.seed) for row in rows])
            self._steps[start:end] = 0
        except Exception as error:  # the cache could not grow; nothing before `start` has changed
            return [(row, error) for row in rows]
        for index, row in enumerate(rows, start):
            row.index = index
            self._by_prompt.setdefault(row.prompt_ids, []).append(row)
        self.rows.extend(rows)
        return []

    def _forget_prompt(self, row: Row) -> None:
        sharers = self._by_prompt[row.prompt_ids]
        sharers.remove(row)
        if not sharers:
            del self._by_prompt[row.prompt_ids]

    def _indices(self, values: list[int]) -> Tensor:
        return torch.tensor(values, dtype=torch.int64, device=self._model.device)

    @staticmethod
    def _span(rows: Sequence[Row]) -> int:
        return max(len(row.prompt_ids) + len(row.generated) for row in rows)
