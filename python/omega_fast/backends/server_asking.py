"""A server that is asked many things at once, from a thread of its own; answers come as futures."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import asdict
from typing import Any, TypeVar

from omega_fast.backends.loop_thread import LoopThread
from omega_fast.backends.openai_client import FaultKind, ServerClient, ServerFault
from omega_fast.backends.openai_key import read_key
from omega_fast.backends.openai_patience import HaltedError, PatientClient
from omega_fast.backends.openai_probe import models_of, unusable
from omega_fast.backends.openai_waits import RetryPolicy
from omega_fast.backends.server_settings import ServedModel
from omega_fast.errors import BackendError, InputError

__all__ = ["ServerAsking"]

_T = TypeVar("_T")


class ServerAsking:
    """Requests to one model of a server, `slots` on the wire at a time, each tried again within its budget.

    Args:
        settings: Which server and model.

    Attributes:
        url: Where its API begins.
        model: What the server calls the model; `None` if it does not list what it has.
        context: Most tokens of a sequence; `None` if it does not say.

    Raises:
        BackendError: It does not answer, or does not serve the model.
        ConfigError: The address or the key cannot be used.
    """

    def __init__(self, settings: ServedModel) -> None:
        self._client = ServerClient(
            settings.base_url,
            read_key(settings.api_key_env),
            timeout_s=settings.request_timeout,
            connections=settings.slots,
        )
        policy = RetryPolicy(settings.retries, settings.first_wait, settings.longest_wait)
        self._patient = PatientClient(self._client, policy, settings.api_key_env)
        self._free = asyncio.Semaphore(settings.slots)
        self.url = self._client.url
        self._loop: LoopThread | None = LoopThread("server")
        try:
            served = self._wait_for(models_of(self._patient, self.url))
            self.model: str | None = _chosen(settings.model, list(served), self.url)
            self.context: int | None = served.get(self.model or "")
        except BaseException:
            self.close()
            raise

    def begin(self, path: str, body: Mapping[str, Any], read: Callable[[Any], _T]) -> _T:
        """What `read` makes of the answer to a first request, whose like will tell whether the server is well.

        Raises:
            BackendError: It fails; with the reason.
        """
        found: _T = self._wait_for(self._first(path, body, read))
        self._patient.trust(path, body, read)
        return found

    def ask(self, path: str, body: Mapping[str, Any], read: Callable[[Any], _T]) -> Future[_T]:
        """What `read` makes of the answer; it may raise `MalformedAnswerError`, which counts as a lost answer.

        The future raises `InputError` if this request fails and others work, `BackendError` if the server is gone.
        To cancel it closes its connection.

        Raises:
            BackendError: After `close`.
        """
        if self._loop is None:
            raise BackendError("the connection to the server is closed", hint="open it again")
        return self._loop.start(self._answer(path, body, read))

    def counts(self) -> Mapping[str, int]:
        """Tries after the first, and answers lost after they may have been paid for."""
        return asdict(self._patient.counts)

    def close(self) -> None:
        """Drop all requests and connections. May be called twice."""
        if self._loop is not None:
            loop, self._loop = self._loop, None
            loop.run(self._client.close())
            loop.close()

    def _wait_for(self, work: Any) -> Any:
        assert self._loop is not None, "opened by the constructor"
        try:
            return self._loop.run(work)
        except HaltedError:
            raise self._patient.gone or BackendError("the server is gone") from None

    # The rest runs in the loop.

    async def _first(self, path: str, body: Mapping[str, Any], read: Callable[[Any], _T]) -> _T:
        try:
            return await self._patient.ask(path, body, read)
        except ServerFault as fault:
            raise unusable(self.url, fault) from None

    async def _answer(self, path: str, body: Mapping[str, Any], read: Callable[[Any], _T]) -> _T:
        async with self._free:
            try:
                return await self._patient.ask(path, body, read)
            except HaltedError:
                raise self._patient.gone or BackendError("the server is gone") from None
            except ServerFault as fault:
                verb = "refuses it" if fault.kind is FaultKind.REFUSED else "fails at it"
                raise InputError(
                    f"the server {verb}: {fault}", hint="leave the solution out, or look at the server's log"
                ) from None


def _chosen(wanted: str | None, served: list[str], url: str) -> str | None:
    """The model to ask for among those that are served."""
    if wanted is None and len(served) > 1:
        raise BackendError(
            f"the server at {url} serves {len(served)} models", hint=f"name one: {', '.join(sorted(served))}"
        )
    if wanted is None:
        return served[0] if served else None
    if served and wanted not in served:
        raise BackendError(
            f"the server at {url} does not serve {wanted!r}", hint=f"it serves {', '.join(sorted(served))}"
        )
    return wanted
