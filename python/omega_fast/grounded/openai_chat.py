"""A role played by a server's chat interface, patiently asked, held to a form where the server can do that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omega_fast.backends.openai_client import FaultKind, ServerClient, ServerFault
from omega_fast.backends.openai_key import read_key
from omega_fast.backends.openai_patience import HaltedError, PatientClient
from omega_fast.backends.openai_waits import RetryPolicy
from omega_fast.backends.openai_wire import MalformedAnswerError
from omega_fast.errors import ConfigError
from omega_fast.grounded.chat import ChatAnswer, ChatRequest, GoneError, RefusedError
from omega_fast.grounded.settings import Role

__all__ = ["OpenAIChat"]

_PATH = "/chat/completions"
_SEED_BITS = 0x7FFF_FFFF
_FORMS = ("json_schema", "json_object", "off")


class OpenAIChat:
    """Asks one server's chat interface; every request in flight is a task of the caller's event loop.

    A form that the server refuses while it takes the same request without it is not asked for again.

    Raises:
        ConfigError: The address or the key cannot be used.
    """

    def __init__(self, role: Role) -> None:
        if role.base_url is None:
            raise ConfigError(
                f"the server of {role.model!r} has no base_url", hint="write base_url: http://host:port/v1"
            )
        self._role = role
        self._client = ServerClient(
            role.base_url,
            read_key(role.api_key_env),
            timeout_s=role.request_timeout,
            connections=role.in_flight,
        )
        policy = RetryPolicy(role.retries, role.first_wait, role.longest_wait)
        self._patient = PatientClient(self._client, policy, role.api_key_env)
        self._form = _FORMS[0] if role.structured == "auto" else role.structured
        self._form_works = role.structured != "auto"
        self._trusted = False

    async def ask(self, request: ChatRequest) -> ChatAnswer:
        """The answers of the server; see `Chat.ask`. One that gives fewer than `n` at once is asked for the rest."""
        if request.prefix:
            raise RefusedError("a chat interface continues no text; use backend hf or vllm")
        texts: list[str] = []
        paid = [0, 0]
        while len(texts) < request.n:
            found = await self._asked(request, request.n - len(texts), request.seed + len(texts))
            texts += found.texts
            paid = [paid[0] + found.n_prompt_tokens, paid[1] + found.n_tokens]
        return ChatAnswer(tuple(texts), *paid)

    async def close(self) -> None:
        """Drop all connections."""
        await self._client.close()

    async def _asked(self, request: ChatRequest, n: int, seed: int) -> ChatAnswer:
        while True:
            form = self._form if request.schema is not None else "off"
            body = self._body(request, n, seed, form)
            try:
                answer = await self._patient.ask(_PATH, body, lambda said: _read(said, n))
            except HaltedError:
                raise GoneError(str(self._patient.gone)) from None
            except ServerFault as fault:
                if fault.kind is FaultKind.REFUSED and form != "off" and not self._form_works:
                    # Others may have found out meanwhile
                    if self._form == form:
                        self._form = _FORMS[_FORMS.index(form) + 1]
                    continue
                if not self._trusted and fault.kind is not FaultKind.REFUSED:
                    raise GoneError(f"the server at {self._client.url} does not answer: {fault}") from None
                raise RefusedError(str(fault)) from None
            if not self._trusted:
                self._trusted = True
                self._patient.trust(_PATH, body)
            self._form_works = self._form_works or form != "off"
            return answer

    def _body(self, request: ChatRequest, n: int, seed: int, form: str) -> dict[str, Any]:
        role = self._role
        limits = (request.max_new_tokens, role.max_new_tokens)
        body: dict[str, Any] = {
            **role.options,
            "model": role.model,
            "messages": [{"role": name, "content": content} for name, content in request.messages],
            "temperature": role.temperature,
            "top_p": role.top_p,
            "max_tokens": min(limit for limit in limits if limit is not None),
            "seed": seed & _SEED_BITS,
        }
        if n > 1:
            body["n"] = n
        if form == "json_schema":
            schema = {"name": "answer", "schema": request.schema, "strict": True}
            body["response_format"] = {"type": form, "json_schema": schema}
        elif form == "json_object":
            body["response_format"] = {"type": form}
        return body


def _read(said: Any, most: int) -> ChatAnswer:
    """The texts of an answer. Raises `MalformedAnswerError` if there is none."""
    try:
        texts = [choice["message"].get("content") or "" for choice in said["choices"]][:most]
    except (KeyError, TypeError, AttributeError) as error:
        raise MalformedAnswerError(f"the answer has no whole choice: {type(error).__name__}") from None
    if not texts or not all(isinstance(text, str) for text in texts):
        raise MalformedAnswerError("the answer has no text")
    usage = said.get("usage") if isinstance(said.get("usage"), Mapping) else {}
    counts = (usage.get("prompt_tokens"), usage.get("completion_tokens"))
    return ChatAnswer(
        tuple(texts), *(count if isinstance(count, int) and count >= 0 else 0 for count in counts)
    )
