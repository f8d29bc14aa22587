"""What a server is given to continue: token ids, text or messages, with a local tokenizer or without one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from omega_fast.backends.base import Prompt
from omega_fast.backends.generations import cut_at_stop
from omega_fast.backends.openai_wire import Answer, Dialect
from omega_fast.backends.prompts import PromptEncoder, PromptTemplate
from omega_fast.backends.tokens import TokenDecoder, decode_tokens, token_decoder
from omega_fast.errors import BackendError
from omega_fast.records import FinishReason, GenerationRequest, Question

__all__ = ["LocalTokens", "ServerPrompts", "load_tokenizer"]


def load_tokenizer(name: str, *, revision: str | None, trust_remote_code: bool) -> Any:
    """A Hugging Face tokenizer by folder or hub name. Raises `BackendError`."""
    try:
        from transformers import AutoTokenizer  # noqa: PLC0415 - a server can be used without it

        return AutoTokenizer.from_pretrained(name, revision=revision, trust_remote_code=trust_remote_code)
    except (OSError, ValueError, ImportError, KeyError) as error:
        raise BackendError(
            f"cannot load the tokenizer {name!r}: {error}",
            hint="set tokenizer to the folder or hub name of the served model, or to 'off' to send texts",
        ) from error


class LocalTokens:
    """The served model's tokenizer on this side: encodes prompts and spells what comes back."""

    def __init__(self, tokenizer: Any, template: PromptTemplate, context: int) -> None:
        self.encoder = PromptEncoder(tokenizer, template, context)
        self.context = context
        self._tokenizer = tokenizer
        self._decoder: TokenDecoder = token_decoder(tokenizer)
        self._special = frozenset(tokenizer.all_special_ids)

    def identity(self) -> str:
        """A hash of all that the tokenizer does."""
        backend = getattr(self._tokenizer, "backend_tokenizer", None)
        spelled = backend.to_str() if backend is not None else json.dumps(sorted(self._tokenizer.get_vocab()))
        return hashlib.sha256(spelled.encode()).hexdigest()

    def decode(self, ids: Sequence[int], context: Sequence[int] = ()) -> str:
        """The text of ids that continue `context`."""
        return decode_tokens(self._decoder, ids, context)[0]

    def spelled(
        self, answer: Answer, prompt_ids: Sequence[int], stop: Sequence[str], *, include_stop: bool
    ) -> tuple[str, tuple[int, ...], tuple[int, ...]]:
        """Text, ids and ends of an answer's ids, without the end of the sequence and cut at the first stop text."""
        ids: tuple[int, ...] = answer.token_ids or ()
        if ids and answer.finish is FinishReason.STOP and self._ends_text(ids[-1], answer.stop_reason):
            ids = ids[:-1]
        text, ends = decode_tokens(self._decoder, ids, prompt_ids)
        return cut_at_stop(text, ids, ends, stop, include_stop=include_stop)

    def is_special(self, token_id: int) -> bool:
        """Whether servers leave this token out of their texts."""
        return token_id in self._special

    def _ends_text(self, token_id: int, stop_reason: int | str | None) -> bool:
        return token_id in self._special or token_id == stop_reason


class ServerPrompts:
    """Questions as one server is to see them.

    Without a tokenizer, texts are the template's words alone, and nothing here knows a length.
    """

    def __init__(self, template: PromptTemplate, local: LocalTokens | None) -> None:
        self._template = template
        self._local = local

    def prompt(self, question: Question) -> Prompt:
        """The question before any step; no ids without a tokenizer. Raises `InputError` if it does not fit."""
        if self._local is not None:
            return self._local.encoder.prompt(question)
        return Prompt(text=self._template.plain(question.problem), token_ids=())

    def ids(self, request: GenerationRequest) -> tuple[int, ...]:
        """Prompt and prefix in ids; none without a tokenizer. Raises `InputError` if they do not fit."""
        return self._local.encoder.request_ids(request) if self._local is not None else ()

    def payload(self, request: GenerationRequest, ids: Sequence[int], dialect: Dialect) -> object:
        """What the request carries in this dialect."""
        if dialect.prompts == "ids":
            return list(ids)
        if dialect.prompts == "text":
            return self.prompt(request.question).text + request.prefix
        messages = self._template.messages(request.question.problem)
        return [*messages, {"role": "assistant", "content": request.prefix}] if request.prefix else messages

    def room(self, ids: Sequence[int]) -> int | None:
        """Tokens that fit after these; `None` if nobody knows."""
        return self._local.context - len(ids) if self._local is not None else None

    @property
    def texts_are_whole(self) -> bool:
        """Whether a rendered text has its special tokens in it already."""
        return self._local is not None and self._local.encoder.is_chat

    def fingerprint(self, dialect: Dialect) -> Mapping[str, Any]:
        """A hash of what the rendering depends on here, the tokenizer included; a server's template is its own."""
        words = self._template.model_dump(mode="json")
        digest = hashlib.sha256(json.dumps(words, sort_keys=True).encode()).hexdigest()
        local = self._local if dialect.prompts != "messages" else None
        return {
            "prompt": local.encoder.fingerprint() if local else {"style": dialect.prompts, "sha256": digest},
            "tokenizer": local.identity() if local else None,
        }
