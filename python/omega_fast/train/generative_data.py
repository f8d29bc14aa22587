"""The data of a generative process reward model: conversations, checked, split and laid out as tokens with a mask."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from omega_fast.backends.prompts import PromptTemplate
from omega_fast.errors import ConfigError, InputError
from omega_fast.exchange.refused import refusing
from omega_fast.models.conversation_encoder import ConversationEncoder, EncodedConversation
from omega_fast.models.critiques import Message, VerdictForm, form_of, read_sign
from omega_fast.models.prm_card import PrmCard
from omega_fast.models.step_encoder import UnfitError
from omega_fast.store.formats import RowFault
from omega_fast.train.data.conversations import ConversationSource, read_conversations
from omega_fast.train.data.faults import Faults
from omega_fast.train.data.splits import held_out
from omega_fast.train.generative_config import GenerativeConfig
from omega_fast.train.training_data import TrainingData

__all__ = ["GenerativeData", "Talk", "read_generative_data"]

_ROOM = 2


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation as tokens, and for each whether it is learnt.

    Attributes:
        ids: The tokens.
        spoken: Whether each is learnt.
        verdicts: The places of verdicts among the tokens, and what each says: true for right.
    """

    ids: tuple[int, ...]
    spoken: tuple[bool, ...]
    verdicts: tuple[tuple[int, bool], ...] = ()


GenerativeData = TrainingData[Talk]
"""Conversations as items."""

_Row = tuple[tuple[Message, ...], Talk]


def read_generative_data(
    source: ConversationSource,
    config: GenerativeConfig,
    encoder: ConversationEncoder,
    *,
    quarantine: Path | None = None,
) -> GenerativeData:
    """Read a source and lay it out for a model. No row is cut.

    A question is held out or learnt from with all its conversations: the text of the first user message up to its last
    line, where the step stands.

    Args:
        source: See `ConversationSource`.
        config: The settings.
        encoder: Of the model.
        quarantine: `NAME` of `NAME.quarantine.jsonl`, where rows that cannot be used are written; `None` for nowhere.

    Raises:
        ConfigError: If every question is held out.
        InputError: If nothing can be learnt from, or at the first unusable row if these are refused.
        StoreError: If a file cannot be read or written.
    """
    with contextlib.ExitStack() as files:
        faults = Faults(
            config.invalid, None if quarantine is None else files.enter_context(refusing(quarantine))
        )
        rows: list[_Row] = []
        duplicates = 0
        seen: set[str] = set()
        for place, messages in read_conversations(source, faults, config.dataset):
            content = {"messages": list(messages)}
            if (form := form_of(_said(messages))) is None:
                faults.add("no_label", RowFault(place, "a reply has no verdict, or more than one", content))
                continue
            try:
                encoded = encoder.encode(messages)
            except InputError as error:
                kind = error.kind if isinstance(error, UnfitError) else "unfit"
                faults.add(kind, RowFault(place, error.message, content))
                continue
            key = json.dumps(messages)
            if config.deduplicate and key in seen:
                duplicates += 1
                continue
            seen.add(key)
            rows.append(
                (messages, Talk(encoded.ids, encoded.spoken, tuple(_verdicts(encoded, messages, form))))
            )
    if not rows:
        counts = ", ".join(f"{count} {kind}" for kind, count in faults.counts.items()) or "there were none"
        raise InputError(
            f"no conversation can be learnt from ({counts})",
            hint="make some with `omega grounded construct`; --max-length and the model limit their tokens",
        )
    parts: tuple[list[_Row], list[_Row]] = ([], [])
    for row in rows:
        parts[held_out(_question(row[0]), config.validation)].append(row)
    if not parts[0]:
        raise ConfigError("every question is held out", hint="give more questions, or a smaller --validation")
    report = {
        "train": _counted(parts[0]),
        "held_out": _counted(parts[1]),
        "duplicates": duplicates,
        "faults": dict(faults.counts),
        "named": list(faults.named),
    }
    digest = blake2b(digest_size=16)
    for row in rows:
        digest.update(repr(row[1]).encode())
    train, held = ([talk for _, talk in part] for part in parts)
    return TrainingData(_card(rows, config), encoder, train, held, report, digest.hexdigest())


def _said(messages: Sequence[Message]) -> list[str]:
    return [each["content"] for each in messages if each["role"] == "assistant"]


def _verdicts(
    encoded: EncodedConversation, messages: Sequence[Message], form: VerdictForm
) -> Iterator[tuple[int, bool]]:
    """Where verdicts stand among the tokens; one that a template changes is left out."""
    after = 0
    for each in messages:
        text = each["content"].strip()
        if (begins := encoded.text.find(text, after)) < 0:
            continue
        after = begins + len(text)
        sign = read_sign(text, form) if each["role"] == "assistant" else None
        at = None if sign is None else encoded.token_at(begins + sign.start)
        if sign is not None and at is not None and encoded.spoken[at]:
            yield at, sign.right


def _question(messages: Sequence[Message]) -> str:
    first = next(each["content"] for each in messages if each["role"] == "user")
    return first.rpartition("\n")[0] or first


def _card(rows: Sequence[_Row], config: GenerativeConfig) -> PrmCard:
    systems = Counter(
        each["content"] if (each := messages[0])["role"] == "system" else "" for messages, _ in rows
    )
    forms: Counter[VerdictForm | None] = Counter(form_of(_said(messages)) for messages, _ in rows)
    longest = max(_longest_reply(talk.spoken) for _, talk in rows)
    return PrmCard(
        head="generative",
        separator="\n",
        template=PromptTemplate(style="chat", system=systems.most_common(1)[0][0]),
        aggregation=config.aggregation or "min",
        max_length=config.max_length,
        loss="sft",
        labels="critiques",
        base_model=config.model,
        verdict=forms.most_common(1)[0][0] or "boxed",
        reply_tokens=_ROOM * longest,
    )


def _longest_reply(spoken: Sequence[bool]) -> int:
    longest = length = 0
    for each in spoken:
        length = length + 1 if each else 0
        longest = max(longest, length)
    return longest


def _counted(part: Sequence[_Row]) -> dict[str, int]:
    signs = [
        read_sign(reply, form)
        for messages, _ in part
        for said in [_said(messages)]
        for reply in said
        if (form := form_of(said)) is not None
    ]
    return {
        "questions": len({_question(messages) for messages, _ in part}),
        "rows": len(part),
        "right": sum(each is not None and each.right for each in signs),
        "wrong": sum(each is not None and not each.right for each in signs),
        "tokens": sum(len(talk.ids) for _, talk in part),
        "learnt_tokens": sum(map(sum, (talk.spoken for _, talk in part))),
        "longest": max((len(talk.ids) for _, talk in part), default=0),
    }
