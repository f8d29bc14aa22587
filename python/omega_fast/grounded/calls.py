"""Every call of a job, to models and tools, by what was asked: asked once, kept durably, found again on resuming."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from omega_fast.grounded.chat import Chat, ChatAnswer, ChatRequest
from omega_fast.store import RunDirectory
from omega_fast.store.segments import LogWalk

__all__ = ["Asker", "CallLog"]

_IDENTITY = {"job": "grounded", "calls": 1}


class CallLog:
    """A run directory that holds answers by key; the job that asks is a function of them alone.

    So a job that is started again makes its decisions again from what was answered, and asks what is left.

    Args:
        path: The folder.

    Raises:
        RunLockedError: If another process is writing it.
        StoreDamagedError: If it is not what was acknowledged.
        StoreError: If it is something else, or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._run = RunDirectory.open_or_create(path, identity=_IDENTITY)
        self._known: dict[str, Mapping[str, Any]] = {}
        self._asking: dict[str, asyncio.Future[Mapping[str, Any]]] = {}
        self.counts: Counter[str] = Counter()
        try:
            for payload in LogWalk(self._run.log_path, {}).payloads({"call"}):
                body = orjson.loads(payload)["body"]
                self._known[body["key"]] = body["answer"]
        except BaseException:
            self._run.close()
            raise

    async def once(
        self, kind: str, key: str, call: Callable[[], Awaitable[Mapping[str, Any]]]
    ) -> Mapping[str, Any]:
        """The answer to what has this key: the one in the log, the one that is under way, or a new one."""
        if (known := self._known.get(key)) is not None:
            self.counts[f"{kind}_found"] += 1
            return known
        if (asking := self._asking.get(key)) is not None:
            return await asyncio.shield(asking)
        future = self._asking[key] = asyncio.get_running_loop().create_future()
        try:
            answer = await call()
        except BaseException as error:
            future.set_exception(error) if isinstance(error, Exception) else future.cancel()
            # Nobody may be waiting for it
            future.exception() if not future.cancelled() else None
            raise
        else:
            self._run.append("call", {"key": key, "call": kind, "answer": answer})
            self._known[key] = answer
            self.counts[f"{kind}_asked"] += 1
            future.set_result(answer)
            return answer
        finally:
            del self._asking[key]

    def tick(self) -> None:
        """Make answers durable that have waited long enough. Raises `StoreError`."""
        self._run.tick()

    def close(self) -> None:
        """Make all answers durable. May be called twice."""
        self._run.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Asker:
    """A role whose calls go through a log, so many of them at once.

    Args:
        name: The role.
        chat: Its model.
        identity: What decides what it answers.
        log: Where answers are kept.
        in_flight: Requests at once.
    """

    def __init__(
        self, name: str, chat: Chat, identity: Mapping[str, Any], log: CallLog, in_flight: int
    ) -> None:
        self._name = name
        self._chat = chat
        self._identity = dict(identity)
        self._log = log
        self._free = asyncio.Semaphore(in_flight)

    async def ask(self, request: ChatRequest) -> ChatAnswer:
        """The answer to a request. Raises what `Chat.ask` raises."""

        async def call() -> Mapping[str, Any]:
            async with self._free:
                answer = await self._chat.ask(request)
            return {
                "texts": [text.encode("utf-8", "replace").decode() for text in answer.texts],
                "n_prompt_tokens": answer.n_prompt_tokens,
                "n_tokens": answer.n_tokens,
            }

        found = await self._log.once(self._name, request.key(self._identity), call)
        return ChatAnswer(tuple(found["texts"]), found["n_prompt_tokens"], found["n_tokens"])

    async def close(self) -> None:
        """Close the model."""
        await self._chat.close()
