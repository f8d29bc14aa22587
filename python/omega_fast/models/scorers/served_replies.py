"""Replies of a chat model behind an OpenAI-compatible server, each with the odds of its verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from math import exp
from threading import Lock
from typing import Any

from omega_fast.backends.openai_wire import MalformedAnswerError
from omega_fast.backends.server_asking import ServerAsking
from omega_fast.backends.server_settings import ServedModel
from omega_fast.errors import InputError
from omega_fast.models.critiques import Sign, VerdictForm, read_sign
from omega_fast.models.scorers.queued import each_of
from omega_fast.models.scorers.replies import Asked, Reply

__all__ = ["ServedWriter"]

_PATH = "/chat/completions"
_LISTED = 20
_OFF_BY = 0.01


class ServedWriter:
    """A `ReplyWriter` behind a server, which renders conversations by its own chat template.

    Args:
        settings: Which server and model.
        form: How a reply gives its verdict.
        sampling: For conversations with a seed: temperature and top_p.
        max_tokens: Of a reply; `None` for what the server's context leaves.

    Raises:
        BackendError: The server does not answer, does not serve the model, or returns no log-probabilities.
        ConfigError: The address or the key cannot be used.
    """

    def __init__(
        self, settings: ServedModel, form: VerdictForm, sampling: Mapping[str, float], max_tokens: int | None
    ) -> None:
        self._form = form
        self._sampling = dict(sampling)
        self._max_tokens = max_tokens
        self._lock = Lock()
        self._tokens = {"prompt_tokens": 0, "generated_tokens": 0}
        self._server = ServerAsking(settings)
        try:
            probe = {**self._body(Asked(({"role": "user", "content": "1 + 1 = ?\n2"},))), "max_tokens": 1}
            self._server.begin(_PATH, probe, partial(_read, form=form))
        except BaseException:
            self.close()
            raise

    def write(self, asked: Sequence[Asked]) -> list[Reply | InputError]:
        """See `ReplyWriter.write`; all are in flight at once, as far as the server has slots."""
        return each_of([self._server.ask(_PATH, self._body(each), self._counted) for each in asked])

    def counts(self) -> Mapping[str, int]:
        """Tries after the first, answers lost after they may have been paid for, tokens as the server counts them."""
        with self._lock:
            return {**self._server.counts(), **self._tokens}

    def close(self) -> None:
        """Drop all requests and connections. May be called twice."""
        self._server.close()

    def _body(self, asked: Asked) -> dict[str, Any]:
        drawn = {"temperature": 0} if asked.seed is None else {**self._sampling, "seed": asked.seed}
        body: dict[str, Any] = {
            "messages": list(asked.messages), **drawn, "logprobs": True, "top_logprobs": _LISTED,
        }  # fmt: skip
        if self._max_tokens is not None:
            body["max_tokens"] = self._max_tokens
        return body if self._server.model is None else {"model": self._server.model, **body}

    def _counted(self, body: Any) -> Reply:
        found = _read(body, form=self._form)
        usage = body.get("usage")
        if isinstance(usage, dict):
            with self._lock:
                for ours, theirs in (("prompt_tokens",) * 2, ("generated_tokens", "completion_tokens")):
                    said = usage.get(theirs)
                    self._tokens[ours] += said if isinstance(said, int) and said > 0 else 0
        return found


def _read(body: Any, *, form: VerdictForm) -> Reply:
    """The reply in an answer. Raises `MalformedAnswerError` where something is missing, or of another kind."""
    try:
        choice = body["choices"][0]
        text, finish = choice["message"]["content"] or "", choice["finish_reason"]
        rows = choice["logprobs"]["content"] or []
        tokens = [row["token"] for row in rows]
        said = "".join(tokens)
    except (KeyError, IndexError, TypeError):
        raise MalformedAnswerError(
            "the answer has no message with the log-probabilities of its tokens"
        ) from None
    if not isinstance(text, str):
        raise MalformedAnswerError("the message is no text")
    sign = read_sign(text, form) if finish == "stop" else None
    if sign is None:
        return Reply(text, None, None)
    # Tokens may be listed with what a message leaves out, such as the mark that ends the turn
    at = said.rfind(text[sign.start :])
    return Reply(text, sign.right, None if at < 0 else _odds(rows, tokens, sign, at))


def _odds(rows: Sequence[Any], tokens: Sequence[str], sign: Sign, place: int) -> float | None:
    """p(right) / (p(right) + p(wrong)) at the verdict's token; `None` if it is not known to one hundredth.

    Args:
        rows: What is told of each token.
        tokens: Their texts.
        sign: The verdict.
        place: Where it begins in these texts together.
    """
    at, begin = 0, 0
    while begin + len(tokens[at]) <= place:
        begin += len(tokens[at])
        at += 1
    token, inside = tokens[at], place - begin
    length = sign.end - sign.start
    if inside + length > len(token):
        return None  # a verdict that begins in one token and ends in another
    other = token[:inside] + sign.other + token[inside + length :]
    odds: dict[str, float] = {}
    for each in rows[at].get("top_logprobs") or ():
        name, number = each.get("token"), each.get("logprob")
        if not isinstance(name, str) or not isinstance(number, int | float) or not number <= 1e-3:
            raise MalformedAnswerError(f"the answer has {number!r} where a log-probability should stand")
        odds[name] = odds.get(name, 0.0) + exp(number)
    if token not in odds:
        raise MalformedAnswerError("the verdict's token is not among its own log-probabilities")
    unlisted = max(0.0, min(*odds.values(), 1 - sum(odds.values()))) if len(odds) > 1 else 0.0
    mine, theirs = odds[token], odds.get(other, 0.0)
    if other not in odds and unlisted / mine > _OFF_BY:
        return None
    return (mine if sign.right else theirs) / (mine + theirs)
