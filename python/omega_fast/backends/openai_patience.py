"""The one owner of retries: asks a server until it answers, within a budget, and knows when it is gone."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from omega_fast.backends.openai_client import FaultKind, ServerClient, ServerFault
from omega_fast.backends.openai_waits import RetryPolicy
from omega_fast.backends.openai_wire import MalformedAnswerError
from omega_fast.errors import BackendError

__all__ = ["Counts", "HaltedError", "PatientClient"]

_RESUMES = "the same command resumes the run"
_T = TypeVar("_T")


class HaltedError(Exception):
    """The server is given up: this request was not answered, and it is not its fault."""


@dataclass(slots=True)
class Counts:
    """What the wire cost beside the answers.

    Attributes:
        retries: Tries after the first.
        paid_twice: Tries whose answer was lost after they were sent: the work may have been done, and is asked
            for again.
    """

    retries: int = 0
    paid_twice: int = 0


class PatientClient:
    """Wraps a `ServerClient` with retries; all of it runs in one event loop.

    Args:
        client: One exchange at a time.
        policy: Tries and waits of one request.
        key_variable: What an error about the key calls it.
    """

    def __init__(self, client: ServerClient, policy: RetryPolicy, key_variable: str) -> None:
        self.counts = Counts()
        self.gone: BackendError | None = None
        self._client = client
        self._policy = policy
        self._key_variable = key_variable
        self._chance = random.Random()  # noqa: S311 - spreads waits, decides nothing
        self._halt = asyncio.Event()
        self._not_before = 0.0
        self._well_at = -1.0
        self._known_good: tuple[str, Mapping[str, Any], Callable[[Any], object]] | None = None
        self._checking = asyncio.Lock()

    def trust(
        self, path: str, body: Mapping[str, Any], read: Callable[[Any], object] = lambda _: None
    ) -> None:
        """Name a request that has been answered: whether it still is tells a bad request from a dead server.

        Until then every fault is the caller's to judge, and an unreachable server is not tried again. With `read`,
        as for `ask`, an answer that holds nothing is none.
        """
        self._known_good = (path, body, read)

    async def ask(self, path: str, body: Mapping[str, Any] | None, read: Callable[[Any], _T]) -> _T:
        """What `read` makes of the answer; it may raise `MalformedAnswerError`, which counts as a lost answer.

        Without a body it is a GET.

        Raises:
            ServerFault: This request fails and others work.
            HaltedError: The server is given up; `gone` says why.
        """
        try:
            return await self._until_answered(path, body, read)
        except ServerFault as fault:
            if await self._works_for_others(fault):
                raise
            raise HaltedError from None

    async def _until_answered(
        self, path: str, body: Mapping[str, Any] | None, read: Callable[[Any], _T]
    ) -> _T:
        tries = 0
        while True:
            await self._wait(self._not_before - time.monotonic())
            tries += 1
            try:
                try:
                    return read(await self._exchange(path, body))
                except MalformedAnswerError as error:
                    raise ServerFault(FaultKind.TRANSIENT, str(error), may_be_paid=True) from None
            except ServerFault as fault:
                self.counts.paid_twice += fault.may_be_paid
                asked = fault.retry_after
                if fault.kind in (FaultKind.REFUSED, FaultKind.FATAL):
                    raise
                if fault.kind is FaultKind.UNREACHABLE and self._known_good is None:
                    raise
                if asked is not None and asked > self._policy.longest_wait_s:
                    self._give_up(_asks_to_wait(asked, fault))
                    raise HaltedError from None
                if tries > self._policy.retries:
                    raise
                self.counts.retries += 1
                pause = self._policy.wait_s(tries, asked, self._chance)
            if asked:
                self._not_before = max(self._not_before, time.monotonic() + asked)
            await self._wait(pause)

    async def _exchange(self, path: str, body: Mapping[str, Any] | None) -> Any:
        return await (self._client.get(path) if body is None else self._client.post(path, body))

    async def _wait(self, seconds: float) -> None:
        """Sleep, unless the server is given up meanwhile. Raises `HaltedError`."""
        if seconds > 0 and not self._halt.is_set():
            try:
                await asyncio.wait_for(self._halt.wait(), seconds)
            except TimeoutError:
                return
        if self._halt.is_set():
            raise HaltedError

    async def _works_for_others(self, fault: ServerFault) -> bool:
        """Whether a failure is the request's own: what was answered before still is, asked after the failure."""
        failed = time.monotonic()
        async with self._checking:
            if self._known_good is None or self._halt.is_set() or self._well_at > failed:
                return not self._halt.is_set()
            if fault.kind is FaultKind.LIMITED:
                self._give_up(f"the server limits the rate: {fault}", f"lower slots; {_RESUMES}")
            elif fault.kind is FaultKind.FATAL:
                self._give_up(f"{self._client.url} turns every request away: {fault}", self._remedy(fault))
            else:
                asked = time.monotonic()
                try:
                    path, body, read = self._known_good
                    read(await self._exchange(path, body))
                    self._well_at = asked
                except (ServerFault, MalformedAnswerError):
                    self._give_up(
                        f"the server at {self._client.url} is gone: {fault}", f"look at it; {_RESUMES}"
                    )
            return not self._halt.is_set()

    def _remedy(self, fault: ServerFault) -> str:
        if fault.status in (401, 403):
            return f"put the server's key into the environment variable {self._key_variable}; {_RESUMES}"
        return f"look at base_url, and at what the server serves; {_RESUMES}"

    def _give_up(self, message: str, hint: str = f"wait, or lower slots; {_RESUMES}") -> None:
        self.gone = self.gone or BackendError(message, hint=hint)
        self._halt.set()


def _asks_to_wait(seconds: float, fault: ServerFault) -> str:
    until = datetime.fromtimestamp(time.time() + seconds, UTC)
    return f"the server asks to wait {seconds:.0f} s, until {until:%Y-%m-%d %H:%M:%S} UTC: {fault}"
