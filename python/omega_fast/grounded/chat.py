"""What a role's model is asked and what it answers, whatever engine is behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Protocol

from omega_fast.store.lines import encode_json

__all__ = ["Chat", "ChatAnswer", "ChatRequest", "GoneError", "RefusedError", "delimited"]


class RefusedError(Exception):
    """This request fails and others work; the message says why."""


class GoneError(Exception):
    """The model cannot be asked any more; nothing says that the request is at fault."""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A question to a role.

    Attributes:
        messages: Role and content of each.
        seed: Of this request alone.
        n: How many answers are wanted.
        schema: The form of an answer, as JSON schema; `None` for free text.
        max_new_tokens: Of one answer; `None` for the role's own limit.
        prefix: What the answer has to go on from; only engines of this package take one.
    """

    messages: tuple[tuple[str, str], ...]
    seed: int
    n: int = 1
    schema: Mapping[str, Any] | None = None
    max_new_tokens: int | None = None
    prefix: str = ""

    def key(self, identity: Mapping[str, Any]) -> str:
        """A digest of the request and of who is asked: equal keys may share an answer."""
        asked = {
            "identity": dict(identity),
            "messages": [list(message) for message in self.messages],
            "seed": self.seed,
            "n": self.n,
            "schema": self.schema,
            "max_new_tokens": self.max_new_tokens,
            "prefix": self.prefix,
        }
        text = encode_json(asked, what="a request")
        return blake2b(text, digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class ChatAnswer:
    """The texts that were written, as many as were wanted, and what they cost in tokens."""

    texts: tuple[str, ...]
    n_prompt_tokens: int = 0
    n_tokens: int = 0


class Chat(Protocol):
    """A model behind a role; calls come from one event loop."""

    async def ask(self, request: ChatRequest) -> ChatAnswer:
        """The answer to a request.

        Raises:
            RefusedError: This request fails, others work.
            GoneError: The model cannot be asked any more.
        """
        ...

    async def close(self) -> None:
        """Release what it holds. May be called twice."""
        ...


def delimited(name: str, text: str) -> str:
    """Foreign text between marks that it cannot close, since they hold a digest of it."""
    mark = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
    return f"<<<{name} {mark}\n{text}\n{name} {mark}>>>"
