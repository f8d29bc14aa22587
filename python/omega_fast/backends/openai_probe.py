"""What is asked of a server before a run: what it serves, and in which dialect a prefix reaches the model unchanged.

Best first: token ids to `/completions`; text to it; messages to `/chat/completions`, whose last one is continued.
Fields the server refuses are dropped if the distribution stays the same, and else the server is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from omega_fast.backends.openai_client import FaultKind, ServerFault
from omega_fast.backends.openai_patience import PatientClient
from omega_fast.backends.openai_prompts import LocalTokens, ServerPrompts
from omega_fast.backends.openai_wire import Answer, Dialect, RequestWriter, read_answer
from omega_fast.errors import BackendError
from omega_fast.records import GenerationRequest, Question

__all__ = ["NO_SUCH_ENDPOINT", "Probe", "context_of", "models_of", "unusable"]

_QUESTION = Question("probe", "1 + 1 = ?", None)
_STEP = "1 + 1 = 2"
"""Ends in a digit, so that no tokenizer joins what follows with its last token."""

_BLANKS_AFTER = ("\n", "\n\n", " ")
_BLANKS_BEFORE = "\n \t\n"
"""Too odd for one token, even together with the end of a template."""

NO_SUCH_ENDPOINT = {404, 405, 501}
"""Statuses of a path that a server does not have."""


async def models_of(client: PatientClient, url: str) -> dict[str, int | None]:
    """What a server says it serves, with the longest sequence where it says; nothing if it lists no models.

    Raises `BackendError` if it cannot be used.
    """
    try:
        return await client.ask("/models", None, _served)
    except ServerFault as fault:
        if fault.status in NO_SUCH_ENDPOINT:
            return {}
        raise unusable(url, fault) from None


async def context_of(client: PatientClient, url: str, model: str) -> int | None:
    """The longest sequence of a served model, if the server says; nothing is checked where it lists no models.

    Raises `BackendError` if it serves other models.
    """
    served = await models_of(client, url)
    if served and model not in served:
        raise BackendError(
            f"the server at {url} does not serve {model!r}",
            hint=f"set model_name to what it serves: {', '.join(sorted(served))}",
        )
    return served.get(model)


def unusable(url: str, fault: ServerFault) -> BackendError:
    """A fault of the first requests, in words for the user."""
    if fault.kind is FaultKind.UNREACHABLE:
        return BackendError(f"no server answers at {url}: {fault}", hint="start it, or mend base_url")
    if fault.status in (401, 403):
        hint = "set the environment variable that api_key_env names to the server's key"
    elif fault.status in NO_SUCH_ENDPOINT:
        hint = "base_url usually ends in /v1"
    else:
        hint = "look at the server's log"
    return BackendError(f"the server at {url} cannot be used: {fault}", hint=hint)


class Probe:
    """Finds the dialect of one server.

    Args:
        client: Asks it.
        url: What messages call it.
        prompts: Renders the question of the probe.
        local: The tokenizer on this side, if there is one.
        writer: Makes a writer for a dialect.
        wants_chat: Questions are to be rendered by the server's own chat template.
    """

    def __init__(
        self,
        client: PatientClient,
        url: str,
        prompts: ServerPrompts,
        local: LocalTokens | None,
        writer: Callable[[Dialect], RequestWriter],
        *,
        wants_chat: bool,
    ) -> None:
        self._client = client
        self._url = url
        self._prompts = prompts
        self._local = local
        self._writer = writer
        self._wants_chat = wants_chat

    async def dialect(self) -> Dialect:
        """The best dialect that reaches the model unchanged; the client is told a request that works.

        Raises `BackendError` if there is none, with the reason.
        """
        try:
            found = None if self._wants_chat else await self._completions()
            return await self._chat() if found is None else found
        except ServerFault as fault:
            raise unusable(self._url, fault) from None

    async def _completions(self) -> Dialect | None:
        """A dialect of `/completions`; `None` if there is no such endpoint."""
        if self._local is not None:
            try:
                return await self._ids(self._local)
            except ServerFault as fault:
                if fault.kind is not FaultKind.REFUSED and fault.status not in NO_SUCH_ENDPOINT:
                    raise
        try:
            dialect, answer = await self._answered(Dialect("text"))
        except ServerFault as fault:
            if fault.status in NO_SUCH_ENDPOINT:
                return None
            raise
        self._check_counts(answer)
        if self._local is not None and answer.n_prompt_tokens != len(self._ids_asked()):
            raise BackendError(
                f"the server takes no token ids, and reads a prompt of {len(self._ids_asked())} tokens as "
                f"{answer.n_prompt_tokens}",
                hint="set tokenizer to the served model's own, or to 'off' if the prompts have no special tokens",
            )
        return dialect

    async def _ids(self, local: LocalTokens) -> Dialect | None:
        """Ids to the server, and back in the first of the two ways it knows."""
        dialect, answer = await self._answered(Dialect("ids", "return_token_ids"))
        if answer.token_ids is None:
            dialect, answer = await self._answered(replace(dialect, ids_back="logprobs"))
        if answer.token_ids is None:
            dialect, answer = await self._answered(replace(dialect, ids_back="none"))
            self._check_counts(answer)
        asked = self._ids_asked()
        if answer.prompt_ids not in (None, asked) or answer.n_prompt_tokens not in (None, len(asked)):
            raise BackendError(
                "the server does not continue the token ids it is given",
                hint="report its name and version; meanwhile set tokenizer to 'off' to send texts",
            )
        self._check_spelling(local, answer)
        return dialect

    async def _chat(self) -> Dialect:
        """Messages, if what the template is given as the start of an answer reaches the model whole.

        The test: a continued answer must make a shorter prompt than the same answer closed by the template (so
        it is continued), and blanks at its end and at its start must each make it longer (so they are kept). A
        server that returns the prompt's ids, with its tokenizer on this side, must also show the answer at the
        prompt's very end.
        """
        dialect, _ = await self._answered(Dialect("messages", "return_token_ids"))
        bare = await self._prompt_length(dialect, _STEP)
        closed = await self._prompt_length(dialect, _STEP, closed=True)
        if bare >= closed:
            raise _refusal("the server does not continue the last message, but answers it")
        for blank in _BLANKS_AFTER:
            if await self._prompt_length(dialect, _STEP + blank) <= bare:
                raise _refusal(f"the server's chat template drops {blank!r} at the end of a prefix")
        if await self._prompt_length(dialect, _BLANKS_BEFORE + _STEP) <= bare:
            raise _refusal("the server's chat template drops blanks at the start of a prefix")
        return replace(dialect, ids_back="none")

    async def _prompt_length(self, dialect: Dialect, prefix: str, *, closed: bool = False) -> int:
        body = self._body(dialect, prefix)
        if closed:
            body |= {"continue_final_message": False, "add_generation_prompt": True}
        answer = await self._client.ask(dialect.path, body, partial(read_answer, dialect=dialect))
        if not closed and self._local is not None and answer.prompt_ids is not None:
            whole = self._local.decode(answer.prompt_ids)
            if not whole.endswith(prefix):
                raise _refusal(f"the server's chat template changes a prefix such as {prefix!r}")
        self._check_counts(answer)
        return answer.n_prompt_tokens or 0

    async def _answered(self, dialect: Dialect) -> tuple[Dialect, Answer]:
        """An answer, and the dialect it took: fields that are refused and may be dropped are."""
        while True:
            body = self._body(dialect, "")
            try:
                answer = await self._client.ask(dialect.path, body, partial(read_answer, dialect=dialect))
            except ServerFault as fault:
                named = _named(fault, body) if fault.kind is FaultKind.REFUSED else set()
                if not named:
                    raise
                writer = self._writer(dialect)
                if needed := sorted(name for name in named if not writer.may_drop(name)):
                    raise BackendError(
                        f"the server refuses {', '.join(needed)}, without which it would sample otherwise: {fault}",
                        hint="change that setting to what the server can do, such as top_k 0",
                    ) from None
                dialect = replace(dialect, dropped=dialect.dropped | named)
                continue
            self._client.trust(dialect.path, body)
            return dialect, answer

    def _body(self, dialect: Dialect, prefix: str) -> dict[str, Any]:
        request = GenerationRequest(0, _QUESTION, prefix, None, 0, 1)
        payload = self._prompts.payload(request, self._prompts.ids(request), dialect)
        return self._writer(dialect).body(payload, seed=0, max_tokens=1)

    def _ids_asked(self) -> tuple[int, ...]:
        return tuple(self._prompts.prompt(_QUESTION).token_ids)

    def _check_counts(self, answer: Answer) -> None:
        if answer.n_tokens is None or answer.n_prompt_tokens is None:
            raise BackendError(
                "the server counts no tokens, and returns none",
                hint="use a server that fills in `usage`",
            )

    def _check_spelling(self, local: LocalTokens, answer: Answer) -> None:
        """Refuse a tokenizer that spells the server's ids otherwise than the server does."""
        ids: Sequence[int] = [each for each in answer.token_ids or () if not local.is_special(each)]
        here, there = local.decode(ids, self._ids_asked()).strip(), answer.text.strip()
        if ids and there and "\ufffd" not in here + there and here != there:
            raise BackendError(
                f"the tokenizer here is not the server's: it spells {here!r} what the server spells {there!r}",
                hint="set tokenizer to the folder or hub name of the served model",
            )


def _served(body: Any) -> dict[str, int | None]:
    """Context lengths by the names a server answers to."""
    rows = body.get("data") if isinstance(body, dict) else None
    found: dict[str, int | None] = {}
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict) and isinstance(row.get("id"), str):
            length = row.get("max_model_len")
            found[row["id"]] = length if isinstance(length, int) and length > 1 else None
    return found


def _named(fault: ServerFault, body: dict[str, Any]) -> set[str]:
    """The fields of a request that an error names."""
    optional = body.keys() - {"model", "prompt", "messages"}
    return {name for name in optional if re.search(rf"(?<!\w){name}(?!\w)", fault.body)}


def _refusal(reason: str) -> BackendError:
    return BackendError(
        f"/chat/completions cannot be used: {reason}",
        hint="use a server with /completions, such as vLLM, and set tokenizer to the served model's",
    )
