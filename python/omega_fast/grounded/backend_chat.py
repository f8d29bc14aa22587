"""A role played by an engine of this package: the messages become one prompt, and a thread polls for the answers."""

from __future__ import annotations

import asyncio
import queue
import threading

from omega_fast.backends.base import Backend
from omega_fast.backends.opening import BackendSettings, open_backend
from omega_fast.errors import OmegaError
from omega_fast.grounded.chat import ChatAnswer, ChatRequest, GoneError, RefusedError
from omega_fast.grounded.settings import Role
from omega_fast.records import FinishReason, Generation, GenerationRequest, Question

__all__ = ["BackendChat", "open_backend_chat"]

_POLL_S = 0.05

Wanted = tuple[GenerationRequest, "asyncio.Future[Generation]", asyncio.AbstractEventLoop]


def open_backend_chat(role: Role) -> BackendChat:
    """The engine that a role names. Raises `ConfigError` or `BackendError` like `open_backend`."""
    options = {"model": role.model, **role.options}
    settings = BackendSettings(name=role.backend, options=options, reads_plain=role.reads_plain)
    return BackendChat(open_backend(settings, role.sampling), role)


class BackendChat:
    """Asks a `Backend`, whose calls all come from one thread of this object.

    Args:
        backend: The engine; closed together with this.
        role: The limits of an answer.
    """

    def __init__(self, backend: Backend, role: Role) -> None:
        self._backend = backend
        self._role = role
        self._wanted: queue.SimpleQueue[Wanted | None] = queue.SimpleQueue()
        self._next = 0
        self._gone = ""
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name="grounded-backend", daemon=True)
        self._thread.start()

    async def ask(self, request: ChatRequest) -> ChatAnswer:
        """The answers of the engine; see `Chat.ask`."""
        loop = asyncio.get_running_loop()
        limits = (request.max_new_tokens, self._role.max_new_tokens)
        text = "\n\n".join(content for _, content in request.messages)
        futures = []
        for number in range(request.n):
            if self._gone:
                raise GoneError(self._gone)
            self._next += 1
            future: asyncio.Future[Generation] = loop.create_future()
            asked = GenerationRequest(
                id=self._next,
                question=Question(f"chat-{self._next}", text, None),
                prefix=request.prefix,
                prefix_tokens=None,
                seed=request.seed + number,
                max_new_tokens=min(limit for limit in limits if limit is not None),
            )
            self._wanted.put((asked, future, loop))
            futures.append(future)
        found = await asyncio.gather(*futures)
        if errors := [each.error for each in found if each.finish is FinishReason.ERROR]:
            raise RefusedError(errors[0] or "the engine gave no reason")
        return ChatAnswer(
            tuple(each.text for each in found),
            sum(each.n_prompt_tokens for each in found),
            sum(each.n_tokens for each in found),
        )

    async def close(self) -> None:
        """Stop the engine. May be called twice."""
        if not self._closed:
            self._closed = True
            self._wanted.put(None)
            await asyncio.to_thread(self._thread.join)

    def _serve(self) -> None:
        out: dict[int, Wanted] = {}
        try:
            while (taken := self._taken(wait=not out)) is not None:
                for wanted in taken:
                    out[wanted[0].id] = wanted
                    self._backend.submit([wanted[0]])
                for generation in self._backend.poll(_POLL_S) if out else ():
                    _deliver(out.pop(generation.id), generation)
        except OmegaError as error:
            self._gone = error.message
        except Exception as error:  # whatever an engine raises, nobody may wait for it for ever
            self._gone = f"{type(error).__name__}: {error}"
        finally:
            self._gone = self._gone or "the engine is closed"
            left = [*out.values(), *(self._taken(wait=False) or ())]
            for _, future, loop in left:
                loop.call_soon_threadsafe(_fail, future, self._gone)
            self._backend.close()

    def _taken(self, *, wait: bool) -> list[Wanted] | None:
        """Requests that have come; `None` once this is closed."""
        found: list[Wanted] = []
        while True:
            try:
                each = self._wanted.get(timeout=None) if wait and not found else self._wanted.get_nowait()
            except queue.Empty:
                return found
            if each is None:
                self._gone = self._gone or "the engine is closed"
                for _, future, loop in found:
                    loop.call_soon_threadsafe(_fail, future, self._gone)
                return None
            found.append(each)


def _deliver(wanted: Wanted, generation: Generation) -> None:
    _, future, loop = wanted
    loop.call_soon_threadsafe(lambda: None if future.done() else future.set_result(generation))


def _fail(future: asyncio.Future[Generation], reason: str) -> None:
    if not future.done():
        future.set_exception(GoneError(reason))
