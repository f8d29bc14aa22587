"""What goes over the wire: the fields of a request, and what is read from an answer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from omega_fast.records import FinishReason, Sampling, Usage

__all__ = ["Answer", "Dialect", "MalformedAnswerError", "RequestWriter", "read_answer"]

_SEED_BITS = 0x7FFF_FFFF
"""Seeds are hashes; their low 31 bits fit the integers of every server."""

_TOKEN_NAME = re.compile(r"token_id:(\d+)")

IdsBack = Literal["return_token_ids", "logprobs", "none"]


class MalformedAnswerError(ValueError):
    """An answer with status 200 that does not hold what was asked for."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one server is spoken to, as its probe found out.

    Attributes:
        prompts: Token ids or text to `/completions`, or messages to `/chat/completions`.
        ids_back: The field that makes it return the generated ids.
        dropped: Fields it refuses and can do without.
    """

    prompts: Literal["ids", "text", "messages"]
    ids_back: IdsBack = "none"
    dropped: frozenset[str] = frozenset()

    @property
    def path(self) -> str:
        """The endpoint, below the base address."""
        return "/chat/completions" if self.prompts == "messages" else "/completions"


@dataclass(frozen=True, slots=True)
class Answer:
    """A continuation as the server tells it; `None` where it does not say.

    Attributes:
        text: As the server decoded it.
        finish: Why it ended.
        stop_reason: The stop text or id that ended it.
        token_ids: The generated ids, an end-of-sequence id included.
        prompt_ids: The ids it continued.
        n_tokens: Tokens generated.
        n_prompt_tokens: Tokens continued.
        n_cached_tokens: Of these, tokens that were in the server's cache.
    """

    text: str
    finish: FinishReason
    stop_reason: int | str | None
    token_ids: tuple[int, ...] | None
    prompt_ids: tuple[int, ...] | None
    n_tokens: int | None
    n_prompt_tokens: int | None
    n_cached_tokens: int | None = None

    @property
    def usage(self) -> Usage | None:
        """The tokens the server bills; `None` unless it says how many were continued and generated."""
        prompt, generated = self.n_prompt_tokens, self.n_tokens
        if prompt is None or generated is None:
            return None
        return Usage(prompt, min(prompt, self.n_cached_tokens or 0), generated)


class RequestWriter:
    """Writes request bodies for one model, sampling and dialect.

    Every sampling field is sent, neutral ones too: servers take missing ones from the model's own settings.

    Args:
        model: The served name.
        sampling: How to draw.
        stop: Texts that end a continuation.
        include_stop: Whether they stay at its end.
        chat_options: Variables of the server's chat template.
        texts_are_whole: Prompts sent as text have their special tokens in them already.
        dialect: How the server is spoken to.
    """

    def __init__(
        self,
        model: str,
        sampling: Sampling,
        stop: Sequence[str],
        *,
        include_stop: bool,
        chat_options: Mapping[str, Any],
        texts_are_whole: bool,
        dialect: Dialect,
    ) -> None:
        self.dialect = dialect
        self._chat_options = dict(chat_options)
        self._texts_are_whole = texts_are_whole
        self._stop, self._include_stop = tuple(stop), include_stop
        greedy = sampling.temperature == 0
        fields: dict[str, Any] = {
            "temperature": sampling.temperature,
            "top_k": sampling.top_k or -1,
            "top_p": sampling.top_p,
            "min_p": 0.0,
            "repetition_penalty": 1.0,
            "frequency_penalty": 0.0,
            "presence_penalty": 0.0,
        }
        self._harmless = {"min_p", "repetition_penalty", "frequency_penalty", "presence_penalty", "seed"}
        self._harmless |= {"return_token_ids", "return_tokens_as_token_ids", "logprobs", "add_special_tokens"}
        self._harmless |= {"temperature"} if sampling.temperature == 1 else set()
        self._harmless |= {"top_k"} if greedy or sampling.top_k == 0 else set()
        self._harmless |= {"top_p"} if greedy or sampling.top_p == 1 else set()
        if stop:
            fields |= {"stop": list(stop), "include_stop_str_in_output": include_stop}
        if dialect.ids_back == "return_token_ids":
            fields["return_token_ids"] = True
        elif dialect.ids_back == "logprobs":
            fields |= {"logprobs": 1, "return_tokens_as_token_ids": True}
        self._fields = {"model": model} | {
            name: value for name, value in fields.items() if name not in dialect.dropped
        }

    def body(
        self, prompt: object, *, seed: int, max_tokens: int, stop: Sequence[str] = (), greedy: bool = False
    ) -> dict[str, Any]:
        """A request for one continuation of token ids, a text, or messages, whichever the dialect has.

        `stop` are further texts that end it; a `greedy` one takes the likeliest token each time.
        """
        body = {**self._fields, "max_tokens": max_tokens}
        if stop:
            body |= {"stop": [*self._stop, *stop], "include_stop_str_in_output": self._include_stop}
        if greedy:
            body |= {"temperature": 0.0}
        extra: dict[str, Any] = {"seed": seed & _SEED_BITS}
        if self.dialect.prompts == "messages":
            assert isinstance(prompt, list)
            continued = prompt[-1]["role"] == "assistant"
            body |= {
                "messages": prompt,
                "continue_final_message": continued,
                "add_generation_prompt": not continued,
            }
            if self._chat_options:
                body["chat_template_kwargs"] = self._chat_options
        else:
            body["prompt"] = prompt
            if self.dialect.prompts == "text" and self._texts_are_whole:
                extra["add_special_tokens"] = False
        return body | {name: value for name, value in extra.items() if name not in self.dialect.dropped}

    def may_drop(self, name: str) -> bool:
        """Whether leaving a field out leaves the distribution as it is, on a server that does not know it."""
        return name in self._harmless


def read_answer(body: Any, dialect: Dialect) -> Answer:
    """The first choice of an answer. Raises `MalformedAnswerError`."""
    try:
        choice = body["choices"][0]
        finish = FinishReason(choice["finish_reason"])
        text = _message_text(choice["message"]) if dialect.prompts == "messages" else choice["text"]
        usage = body.get("usage") or {}
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise MalformedAnswerError(
            f"the answer has no whole choice: {type(error).__name__} {error}"
        ) from None
    if not isinstance(text, str) or finish is FinishReason.ERROR or not isinstance(usage, dict):
        raise MalformedAnswerError("the answer has no finished text")
    return Answer(
        text=text,
        finish=finish,
        stop_reason=choice.get("stop_reason"),
        token_ids=_generated_ids(choice, dialect),
        prompt_ids=_ids(choice.get("prompt_token_ids") or body.get("prompt_token_ids")),
        n_tokens=_count(usage.get("completion_tokens")),
        n_prompt_tokens=_count(usage.get("prompt_tokens")),
        n_cached_tokens=_count(_details(usage).get("cached_tokens")),
    )


def _details(usage: Mapping[str, Any]) -> Mapping[str, Any]:
    details = usage.get("prompt_tokens_details")
    return details if isinstance(details, dict) else {}


def _message_text(message: Any) -> Any:
    if message.get("reasoning_content") or message.get("reasoning"):
        raise MalformedAnswerError("the server's reasoning parser keeps part of the text from the answer")
    return message["content"] or ""


def _generated_ids(choice: Any, dialect: Dialect) -> tuple[int, ...] | None:
    if dialect.ids_back != "logprobs":
        return _ids(choice.get("token_ids"))
    names = (choice.get("logprobs") or {}).get("tokens")
    found = [_TOKEN_NAME.fullmatch(str(name)) for name in names or ()]
    return tuple(int(each[1]) for each in found if each) if names is not None and all(found) else None


def _ids(value: Any) -> tuple[int, ...] | None:
    if isinstance(value, list) and all(isinstance(each, int) for each in value):
        return tuple(value)
    return None


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None
