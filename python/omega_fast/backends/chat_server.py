"""A chat model behind an OpenAI-compatible server that is asked for answers, or for the odds of their first token."""

from __future__ import annotations

import math
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Any

from omega_fast.backends.openai_wire import MalformedAnswerError
from omega_fast.backends.server_asking import ServerAsking
from omega_fast.backends.server_settings import ServedModel

__all__ = ["ChatServer", "Reply"]

_PATH = "/chat/completions"
_LISTED = 20
"""First tokens whose probabilities are asked for: as many as servers allow."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model answered.

    Attributes:
        text: The answer; empty if there is none.
        is_whole: Whether the model ended it, rather than a limit or a filter.
    """

    text: str
    is_whole: bool


class ChatServer:
    """Asks a served chat model single questions, many at a time.

    Args:
        settings: Which server and model.
        with_odds: Whether it will be asked for the odds of first tokens.

    Raises:
        BackendError: The server does not answer, does not serve the model, or does not do what it is asked for.
        ConfigError: The address or the key cannot be used.
    """

    def __init__(self, settings: ServedModel, *, with_odds: bool = False) -> None:
        self._server = ServerAsking(settings)
        self._lock = Lock()
        self._tokens = {"prompt_tokens": 0, "generated_tokens": 0}
        try:
            if with_odds:
                self._server.begin(_PATH, self._body("1 + 1 = ?", **_ODDS), _read_odds)
            else:
                self._server.begin(_PATH, self._body("1 + 1 = ?", temperature=0, max_tokens=1), _read_reply)
        except BaseException:
            self.close()
            raise

    def answer(self, question: str, **sampling: float) -> Future[Reply]:
        """The model's answer; `sampling` are fields of the request. Fails as `ServerAsking.ask` does."""
        body = self._body(question, **sampling)
        return self._server.ask(_PATH, body, partial(self._counted, read=_read_reply))

    def odds(self, question: str) -> Future[dict[str, float]]:
        """The probabilities of the likeliest first tokens of an answer. Fails as `ServerAsking.ask` does."""
        return self._server.ask(_PATH, self._body(question, **_ODDS), partial(self._counted, read=_read_odds))

    def counts(self) -> Mapping[str, int]:
        """Tries after the first, answers lost after they may have been paid for, tokens as the server counts them."""
        with self._lock:
            return {**self._server.counts(), **self._tokens}

    def close(self) -> None:
        """Drop all requests and connections. May be called twice."""
        self._server.close()

    def _body(self, question: str, **fields: float) -> dict[str, Any]:
        body = {"messages": [{"role": "user", "content": question}], **fields}
        return body if self._server.model is None else {"model": self._server.model, **body}

    def _counted(self, body: Any, *, read: Any) -> Any:
        found = read(body)
        usage = body.get("usage")
        if isinstance(usage, dict):
            with self._lock:
                for ours, theirs in (
                    ("prompt_tokens", "prompt_tokens"),
                    ("generated_tokens", "completion_tokens"),
                ):
                    said = usage.get(theirs)
                    self._tokens[ours] += said if isinstance(said, int) and said > 0 else 0
        return found


_ODDS: dict[str, Any] = {"temperature": 0, "max_tokens": 1, "logprobs": True, "top_logprobs": _LISTED}


def _choice(body: Any) -> Any:
    try:
        return body["choices"][0]
    except (KeyError, IndexError, TypeError):
        raise MalformedAnswerError("the answer has no choice") from None


def _read_reply(body: Any) -> Reply:
    choice = _choice(body)
    try:
        text, finish = choice["message"]["content"], choice["finish_reason"]
    except (KeyError, TypeError):
        raise MalformedAnswerError("the answer has no message, or does not say why it ended") from None
    if not isinstance(text, str | None):
        raise MalformedAnswerError("the message is no text")
    return Reply(text or "", is_whole=finish == "stop")


def _read_odds(body: Any) -> dict[str, float]:
    """Tokens with their probabilities; of equal texts, which ids may differ in, the sum."""
    try:
        listed = _choice(body)["logprobs"]["content"][0]["top_logprobs"]
        pairs = [(each["token"], each["logprob"]) for each in listed]
    except (KeyError, IndexError, TypeError):
        raise MalformedAnswerError("the answer has no log-probabilities of its first token") from None
    odds: dict[str, float] = {}
    for token, said in pairs:
        is_number = isinstance(said, int | float) and not isinstance(said, bool) and not math.isnan(said)
        if not isinstance(token, str) or not is_number or said > 1e-3:
            raise MalformedAnswerError(f"the answer has {said!r} where a log-probability should stand")
        odds[token] = odds.get(token, 0.0) + math.exp(said)
    if not odds:
        raise MalformedAnswerError("the answer has no log-probabilities of its first token")
    return odds
