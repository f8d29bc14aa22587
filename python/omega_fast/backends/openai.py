"""An engine behind any OpenAI-compatible server, with many requests in flight.

Prompts are rendered and tokenised here and sent as token ids where the server takes them, so that a prefix
continues from exactly the tokens that were generated. `openai_probe` tells what a server can do.
"""

from __future__ import annotations

import asyncio
import itertools
import queue
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any

from pydantic import Field

from omega_fast.backends.base import Prompt, fault_in
from omega_fast.backends.generations import failed_generation
from omega_fast.backends.loop_thread import LoopThread
from omega_fast.backends.openai_client import ServerClient, ServerFault
from omega_fast.backends.openai_key import ApiKey, read_key
from omega_fast.backends.openai_patience import HaltedError, PatientClient
from omega_fast.backends.openai_probe import Probe, context_of
from omega_fast.backends.openai_prompts import LocalTokens, ServerPrompts, load_tokenizer
from omega_fast.backends.openai_waits import RetryPolicy
from omega_fast.backends.openai_wire import Dialect, MalformedAnswerError, RequestWriter, read_answer
from omega_fast.backends.prompts import PromptTemplate
from omega_fast.backends.server_settings import ServerSettings
from omega_fast.errors import BackendError, InputError
from omega_fast.records import Generation, GenerationRequest, Question, Sampling

__all__ = ["NO_TOKENIZER", "OpenAIBackend", "OpenAISettings", "open_openai"]

NO_TOKENIZER = "off"
"""The `tokenizer` that stands for none: texts are sent."""

_NO_LIMIT = 2**31 - 1


class OpenAISettings(ServerSettings):
    """Which of a server's models, and what it is shown; the rest as `ServerSettings` say.

    Attributes:
        model: The name the server serves it under.
        tokenizer: Folder or hub name of the model's tokenizer; by default `model`, and `off` for none.
        revision: Branch, tag or commit of a tokenizer's hub name.
        trust_remote_code: Run Python code that comes with the tokenizer.
        prompt: How a question is shown to the model.
        stop: Texts that end a continuation beside the model's own end.
        include_stop: Whether a stop text stays at the end of the continuation.
        max_context: Most tokens of prompt and continuation together, at most what the server says.
    """

    model: str
    tokenizer: str | None = None
    revision: str | None = None
    trust_remote_code: bool = False
    prompt: PromptTemplate = PromptTemplate()
    stop: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    include_stop: bool = True
    max_context: int | None = Field(default=None, ge=2)


def open_openai(options: Mapping[str, Any], sampling: Sampling) -> OpenAIBackend:
    """Probe a server as `OpenAISettings` say.

    Raises:
        BackendError: It does not answer, does not serve the model, or cannot continue a prefix exactly; or the
            tokenizer cannot be loaded.
        ConfigError: The address or the key cannot be used.
    """
    settings = OpenAISettings.model_validate(options)
    return OpenAIBackend(settings, sampling, read_key(settings.api_key_env))


class OpenAIBackend:
    """Continues prefixes with a model behind a server; a `Backend`.

    It tries again by itself, so what it returns as an error is `given_up`. Once the server is gone, what is on
    the wire still comes back; then `poll` and `submit` raise `BackendError`.
    """

    def __init__(self, settings: OpenAISettings, sampling: Sampling, key: ApiKey) -> None:
        self._settings = settings
        self._sampling = sampling
        self._client = ServerClient(
            settings.base_url, key, timeout_s=settings.request_timeout, connections=settings.slots
        )
        policy = RetryPolicy(settings.retries, settings.first_wait, settings.longest_wait)
        self._patient = PatientClient(self._client, policy, settings.api_key_env)
        self._free = asyncio.Semaphore(settings.slots)
        # An id may be used again after a cancel; a ticket never is.
        self._tickets = itertools.count()
        self._in_flight: dict[int, int] = {}  # tickets by id; the caller's
        self._tasks: dict[int, asyncio.Task[None]] = {}  # by ticket; the loop's
        self._done: queue.SimpleQueue[tuple[int, Generation] | None] = queue.SimpleQueue()
        self._loop: LoopThread | None = LoopThread("openai")
        try:
            self._local, self._context = self._open_tokens(self._loop)
            self._prompts = ServerPrompts(settings.prompt, self._local)
            self._dialect = self._probed(self._loop)
        except BaseException:
            self.close()
            raise
        self._writer = self._writer_for(self._dialect)

    @property
    def slots(self) -> int:
        """Requests in flight at once."""
        return self._settings.slots

    @property
    def dialect(self) -> Dialect:
        """How this server is spoken to."""
        return self._dialect

    def fingerprint(self) -> Mapping[str, Any]:
        """Served name, dialect, tokenizer, template, stops and sampling. The server's weights are not known here."""
        return {
            "backend": "openai",
            "model": self._settings.model,
            "prompts": self._dialect.prompts,
            "returns_ids": self._dialect.ids_back != "none",
            **self._prompts.fingerprint(self._dialect),
            "stop": list(self._settings.stop),
            "include_stop": self._settings.include_stop,
            "context": self._context,
            "sampling": asdict(self._sampling),
        }

    def counts(self) -> Mapping[str, int]:
        """Tries after the first, and answers lost after they may have been paid for."""
        return asdict(self._patient.counts)

    def prompt(self, question: Question) -> Prompt:
        """The question as this policy sees it. Raises `InputError` if it does not fit the model."""
        return self._prompts.prompt(question)

    def submit(self, requests: Sequence[GenerationRequest]) -> None:
        """Send requests, `slots` of them at a time. Raises `BackendError` after `close`, or for an id in flight."""
        loop = self._running()
        for request in requests:
            if request.id in self._in_flight:
                raise BackendError(
                    f"request {request.id} is in flight already", hint="give every request an id of its own"
                )
            self._in_flight[request.id] = ticket = next(self._tickets)
            loop.call(self._start, ticket, request)

    def cancel(self, ids: Collection[int]) -> None:
        """Forget these requests and close their connections; unknown ids are ignored."""
        loop = self._running()
        for number in self._in_flight.keys() & set(ids):
            loop.call(self._drop, self._in_flight.pop(number))

    def poll(self, timeout: float) -> list[Generation]:
        """Wait until something has come, at most `timeout` seconds; return all that has.

        Raises:
            BackendError: The server is gone, and all that was on the wire has been handed out.
        """
        self._running()
        arrived: list[tuple[int, Generation] | None] = []
        with suppress(queue.Empty):
            arrived.append(self._done.get(timeout=timeout))
            while True:
                arrived.append(self._done.get_nowait())
        done = []
        for ticket, generation in filter(None, arrived):
            if self._in_flight.get(generation.id) == ticket:
                del self._in_flight[generation.id]
                done.append(generation)
        if None in arrived and not done and self._patient.gone is not None:
            raise self._patient.gone
        if None in arrived:
            self._done.put(None)
        return done

    def close(self) -> None:
        """Drop all requests and connections. May be called twice."""
        if self._loop is not None:
            loop, self._loop = self._loop, None
            self._in_flight.clear()
            loop.run(self._end())
            loop.close()

    def _running(self) -> LoopThread:
        if self._loop is None:
            raise BackendError("the connection to the server is closed", hint="open it again")
        return self._loop

    def _open_tokens(self, loop: LoopThread) -> tuple[LocalTokens | None, int | None]:
        """The tokenizer on this side, and the longest sequence as far as it is known."""
        settings = self._settings
        try:
            served = loop.run(context_of(self._patient, self._client.url, settings.model))
        except HaltedError:
            raise self._patient.gone or BackendError("the server is gone") from None
        limits = [limit for limit in (served, settings.max_context) if limit is not None]
        context = min(limits, default=None)
        if settings.tokenizer == NO_TOKENIZER:
            return None, context
        tokenizer = load_tokenizer(
            settings.tokenizer or settings.model,
            revision=settings.revision,
            trust_remote_code=settings.trust_remote_code,
        )
        return LocalTokens(tokenizer, settings.prompt, context or _NO_LIMIT), context

    def _probed(self, loop: LoopThread) -> Dialect:
        probe = Probe(
            self._patient,
            self._client.url,
            self._prompts,
            self._local,
            self._writer_for,
            wants_chat=self._local is None and self._settings.prompt.style == "chat",
        )
        try:
            return loop.run(probe.dialect())
        except HaltedError:
            raise self._patient.gone or BackendError("the server is gone") from None

    def _writer_for(self, dialect: Dialect) -> RequestWriter:
        return RequestWriter(
            self._settings.model,
            self._sampling,
            self._settings.stop,
            include_stop=self._settings.include_stop,
            chat_options=self._settings.prompt.chat_options,
            texts_are_whole=self._prompts.texts_are_whole,
            dialect=dialect,
        )

    # The rest runs in the loop.

    def _start(self, ticket: int, request: GenerationRequest) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(ticket, request))
        self._tasks[ticket] = task
        task.add_done_callback(partial(self._ended, ticket))

    def _ended(self, ticket: int, _: asyncio.Task[None]) -> None:
        del self._tasks[ticket]
        if self._patient.gone is not None and not self._tasks:
            self._done.put(None)

    def _drop(self, ticket: int) -> None:
        if ticket in self._tasks:
            self._tasks[ticket].cancel()

    async def _end(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._client.close()

    async def _serve(self, ticket: int, request: GenerationRequest) -> None:
        """Bring one generation, unless the server is gone."""
        ids: tuple[int, ...] = ()
        try:
            ids = self._prompts.ids(request)
            async with self._free:
                generation = await self._generation(request, ids)
        except HaltedError:
            return
        except (ServerFault, InputError) as fault:
            generation = failed_generation(request, len(ids), str(fault), given_up=True)
        except Exception as error:  # whatever it is, the request must come back
            generation = failed_generation(
                request, len(ids), f"{type(error).__name__}: {error}", given_up=True
            )
        self._done.put((ticket, generation))

    async def _generation(self, request: GenerationRequest, ids: tuple[int, ...]) -> Generation:
        # A server refuses to be asked for more than its context; without a tokenizer nobody knows what is left of it.
        room = self._context if (known := self._prompts.room(ids)) is None else known
        limits = [request.max_new_tokens, self._sampling.max_new_tokens, room]
        body = self._writer.body(
            self._prompts.payload(request, ids, self._dialect),
            seed=request.seed,
            max_tokens=min(limit for limit in limits if limit is not None),
            stop=request.stop,
            greedy=request.greedy,
        )

        def read(body: Any) -> Generation:
            generation = self._read(request, ids, body)
            if fault := fault_in(generation):
                raise MalformedAnswerError(fault)
            return generation

        return await self._patient.ask(self._dialect.path, body, read)

    def _read(self, request: GenerationRequest, ids: tuple[int, ...], body: Any) -> Generation:
        answer = read_answer(body, self._dialect)
        stops = (*self._settings.stop, *request.stop)
        text = answer.text
        if request.stop and answer.stop_reason in request.stop and not text.endswith(request.stop):
            text += str(answer.stop_reason)  # a server that keeps no stop text in spite of being asked to
        token_ids: tuple[int, ...] = ()
        ends: tuple[int, ...] = ()
        n_tokens, n_prompt_tokens = answer.n_tokens, answer.n_prompt_tokens
        if self._dialect.ids_back != "none" and self._local is not None:
            if answer.token_ids is None or answer.prompt_ids not in (None, ids):
                raise MalformedAnswerError("the answer does not hold the ids that were asked for")
            text, token_ids, ends = self._local.spelled(
                answer, ids, stops, include_stop=self._settings.include_stop
            )
            n_tokens, n_prompt_tokens = len(answer.token_ids), len(ids)
        if n_tokens is None:
            raise MalformedAnswerError("the answer counts no tokens")
        return Generation(
            id=request.id,
            text=text,
            token_ids=token_ids,
            token_ends=ends,
            n_tokens=n_tokens,
            n_prompt_tokens=n_prompt_tokens or len(ids),
            finish=answer.finish,
            usage=answer.usage,
        )
