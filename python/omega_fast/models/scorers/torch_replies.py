"""A chat model in torch that writes replies to many conversations at once, each with the odds of its verdict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from omega_fast.backends.sampler import sample_tokens, seed_key
from omega_fast.errors import InputError
from omega_fast.models.conversation_encoder import ConversationEncoder
from omega_fast.models.critiques import VerdictForm, read_sign
from omega_fast.models.scorers.replies import Asked, Reply
from omega_fast.records import Sampling

__all__ = ["TorchWriter"]


class TorchWriter:
    """A `ReplyWriter` in this process, with a cache of keys and values for each batch.

    Args:
        network: A causal language model of transformers.
        encoder: Lays conversations out for it.
        form: How a reply gives its verdict.
        sampling: For conversations with a seed; its `max_new_tokens` holds for all.
        batch_tokens: Prompts' tokens in one batch, padding included; a longer one runs alone.
    """

    def __init__(
        self,
        network: Any,
        encoder: ConversationEncoder,
        form: VerdictForm,
        sampling: Sampling,
        batch_tokens: int,
    ) -> None:
        self.network = network
        self.encoder = encoder
        self.batch_tokens = batch_tokens
        self._form = form
        self._sampling = sampling
        tokenizer = encoder.tokenizer
        said = getattr(network, "generation_config", None)
        ends = getattr(said, "eos_token_id", None)
        listed = ends if isinstance(ends, list) else [ends]
        self._ends = {each for each in (*listed, tokenizer.eos_token_id) if each is not None}

    def write(self, asked: Sequence[Asked]) -> list[Reply | InputError]:
        """See `ReplyWriter.write`."""
        found: list[Reply | InputError] = [InputError("not asked", hint="")] * len(asked)
        prompts: dict[int, tuple[int, ...]] = {}
        for at, each in enumerate(asked):
            try:
                prompts[at] = self.encoder.prompt(each.messages)
            except InputError as error:
                found[at] = error
        was_training = self.network.training
        self.network.eval()
        try:
            for batch in _batches(prompts, self.batch_tokens):
                rows = [prompts[at] for at in batch]
                replies = self._generated(rows, [asked[at].seed for at in batch])
                for at, reply in zip(batch, self._read(rows, replies), strict=True):
                    found[at] = reply
        finally:
            self.network.train(was_training)
        return found

    def close(self) -> None:
        """See `ReplyWriter.close`; there is nothing to give up."""

    @torch.inference_mode()
    def _generated(
        self, prompts: Sequence[tuple[int, ...]], seeds: Sequence[int | None]
    ) -> list[tuple[list[int], bool]]:
        """The ids of each reply, without the one that ends it, and whether the model ended it."""
        device = next(self.network.parameters()).device
        ids, mask = _left_padded(prompts)
        room = [
            min(self._sampling.max_new_tokens, self.encoder.max_length - len(prompt)) for prompt in prompts
        ]
        keys = torch.tensor([seed_key(seed or 0) for seed in seeds])
        samples = torch.tensor([seed is not None for seed in seeds])
        replies: list[list[int]] = [[] for _ in prompts]
        ended = [False] * len(prompts)
        live = torch.ones(len(prompts), dtype=torch.bool)
        inputs, cache = ids, None
        for step in range(max(room)):
            positions = (mask.cumsum(1) - 1).clamp(min=0)[:, -inputs.shape[1] :]
            out = self.network(
                input_ids=inputs.to(device),
                attention_mask=mask.to(device),
                position_ids=positions.to(device),
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            )
            cache = out.past_key_values
            logits = out.logits[:, -1].float().cpu()
            tokens = logits.argmax(-1)
            if samples.any():
                drawn = sample_tokens(logits, keys, torch.full_like(keys, step), self._sampling)
                tokens = torch.where(samples, drawn, tokens)
            for row, token in enumerate(tokens.tolist()):
                if not live[row]:
                    continue
                if token in self._ends:
                    ended[row] = True
                else:
                    replies[row].append(token)
                live[row] = not ended[row] and len(replies[row]) < room[row]
            if not live.any():
                break
            inputs = tokens[:, None]
            mask = torch.cat([mask, live.long()[:, None]], dim=1)
        return list(zip(replies, ended, strict=True))

    def _read(
        self, prompts: Sequence[tuple[int, ...]], replies: Sequence[tuple[list[int], bool]]
    ) -> list[Reply]:
        """Replies as text, with their verdicts; the odds of all verdicts take one forward."""
        tokenizer = self.encoder.tokenizer
        texts = [tokenizer.decode(ids, skip_special_tokens=True) for ids, _ in replies]
        signs = [
            read_sign(text, self._form) if ended else None
            for text, (_, ended) in zip(texts, replies, strict=True)
        ]
        places: dict[int, tuple[int, int, int]] = {}
        for row, sign in enumerate(signs):
            if sign is not None:
                ids = replies[row][0]
                at = _token_at(tokenizer, ids, sign.start)
                said = tokenizer.convert_ids_to_tokens(ids[at])
                text = texts[row][sign.start : sign.end]
                other = tokenizer.convert_tokens_to_ids(said.replace(text, sign.other))
                if other not in (None, tokenizer.unk_token_id, ids[at]):
                    pair = (ids[at], other) if sign.right else (other, ids[at])
                    places[row] = (at, *pair)
        odds = self._odds(
            [(*prompts[row], *replies[row][0][:at]) for row, (at, _, _) in places.items()], places
        )
        return [
            Reply(text, None if sign is None else sign.right, odds.get(row))
            for row, (text, sign) in enumerate(zip(texts, signs, strict=True))
        ]

    @torch.inference_mode()
    def _odds(
        self, prefixes: Sequence[tuple[int, ...]], places: dict[int, tuple[int, int, int]]
    ) -> dict[int, float]:
        if not prefixes:
            return {}
        device = next(self.network.parameters()).device
        ids, mask = _left_padded(prefixes)
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        logits = self.network(
            input_ids=ids.to(device),
            attention_mask=mask.to(device),
            position_ids=positions.to(device),
            logits_to_keep=1,
        ).logits[:, -1]
        pairs = torch.tensor([[right, wrong] for _, right, wrong in places.values()], device=device)
        shares = logits.gather(1, pairs).float().softmax(-1)[:, 0].tolist()
        return dict(zip(places, shares, strict=True))


def _token_at(tokenizer: Any, ids: Sequence[int], character: int) -> int:
    """The index of the token that a character of the decoded text belongs to."""
    low, high = 0, len(ids) - 1
    while low < high:
        middle = (low + high) // 2
        if len(tokenizer.decode(ids[: middle + 1], skip_special_tokens=True)) > character:
            high = middle
        else:
            low = middle + 1
    return low


def _left_padded(rows: Sequence[tuple[int, ...]]) -> tuple[Tensor, Tensor]:
    """Ids and mask, (rows, longest), with padding in front, so that all rows end together."""
    width = max(map(len, rows))
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for at, row in enumerate(rows):
        ids[at, width - len(row) :] = torch.tensor(row)
        mask[at, width - len(row) :] = 1
    return ids, mask


def _batches(prompts: dict[int, tuple[int, ...]], most: int) -> Iterator[list[int]]:
    """Keys of prompts that run together, longest first."""
    order = sorted(prompts, key=lambda at: -len(prompts[at]))
    start = 0
    while start < len(order):
        size = max(1, most // len(prompts[order[start]]))
        yield order[start : start + size]
        start += size
