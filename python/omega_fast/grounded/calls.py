"""Every call of a job, to models and tools, by what was asked: asked once, kept durably, found again on resuming."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from omega_fast.grounded.chat import Chat, ChatAnswer, ChatRequest
from omega_fast.store import RunDirectory, StoreOptions
from omega_fast.store.base import LinePlace
from omega_fast.store.segments import LogWalk, payload_at

__all__ = ["Asker", "CallLog"]

_IDENTITY = {"job": "grounded", "calls": 1}
_SEGMENT_BITS = 44
"""A place is one number: the segment above so many bits, the offset in it below."""


class CallLog:
    """A run directory that holds answers by key; the job that asks is a function of them alone.

    So a job that is started again makes its decisions again from what was answered, and asks what is left. What is
    held in memory of an answer that is on the disk is its place there.

    Args:
        path: The folder.
        options: How it is written.

    Attributes:
        counts: Answers asked for in this session, and found, and tokens of those asked for, by role.

    Raises:
        RunLockedError: If another process is writing it.
        StoreDamagedError: If it is not what was acknowledged.
        StoreError: If it is something else, or cannot be written.
    """

    def __init__(self, path: Path, *, options: StoreOptions | None = None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._run = RunDirectory.open_or_create(path, identity=_IDENTITY, options=options)
        self._places: dict[bytes, int] = {}
        self._fresh: dict[bytes, tuple[int, Mapping[str, Any]]] = {}
        self._asking: dict[bytes, asyncio.Future[Mapping[str, Any]]] = {}
        self.counts: Counter[str] = Counter()
        try:
            for place, payload in LogWalk(self._run.log_path, {}).placed({"call"}):
                self._places[_digest(orjson.loads(payload)["body"]["key"])] = _packed(place)
        except BaseException:
            self._run.close()
            raise

    @property
    def held(self) -> int:
        """Answers in memory: those that are not on the disk yet."""
        return len(self._fresh)

    @property
    def known(self) -> int:
        """Answers that need not be asked for again."""
        return len(self._places)

    async def once(
        self, kind: str, key: str, call: Callable[[], Awaitable[Mapping[str, Any]]]
    ) -> Mapping[str, Any]:
        """The answer to what has this key: the one in the log, the one that is under way, or a new one."""
        digest = _digest(key)
        if (known := self._find(digest)) is not None:
            self.counts[f"{kind}_found"] += 1
            return known
        if (asking := self._asking.get(digest)) is not None:
            return await asyncio.shield(asking)
        future = self._asking[digest] = asyncio.get_running_loop().create_future()
        try:
            answer = await call()
            self._keep(digest, {"key": key, "call": kind, "answer": answer}, answer)
        except BaseException as error:
            future.set_exception(error) if isinstance(error, Exception) else future.cancel()
            # Nobody may be waiting for it
            future.exception() if not future.cancelled() else None
            raise
        else:
            self.counts[f"{kind}_asked"] += 1
            for name in ("n_prompt_tokens", "n_tokens"):
                if answer.get(name):
                    read_or_written = "read" if name == "n_prompt_tokens" else "written"
                    self.counts[f"{kind}_tokens_{read_or_written}"] += answer[name]
            future.set_result(answer)
            return answer
        finally:
            del self._asking[digest]

    def _find(self, digest: bytes) -> Mapping[str, Any] | None:
        if (fresh := self._fresh.get(digest)) is not None:
            return fresh[1]
        if (place := self._places.get(digest)) is None:
            return None
        payload = payload_at(self._run.log_path, place >> _SEGMENT_BITS, place & ((1 << _SEGMENT_BITS) - 1))
        answer: Mapping[str, Any] = orjson.loads(payload)["body"]["answer"]
        return answer

    def _keep(self, digest: bytes, record: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        place = self._run.next_place
        self._run.append("call", record)
        self._places[digest] = _packed(place)
        self._fresh[digest] = place.n, answer
        self._forget()

    def _forget(self) -> None:
        """Let go of answers that are on the disk by now; they came in the order of their records."""
        done = self._run.acknowledged
        while self._fresh and self._fresh[first := next(iter(self._fresh))][0] < done:
            del self._fresh[first]

    def tick(self) -> None:
        """Make answers durable that have waited long enough. Raises `StoreError`."""
        self._run.tick()
        self._forget()

    def close(self) -> None:
        """Make all answers durable. May be called twice."""
        self._run.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _digest(key: str) -> bytes:
    return blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _packed(place: LinePlace) -> int:
    return place.segment << _SEGMENT_BITS | place.offset


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
