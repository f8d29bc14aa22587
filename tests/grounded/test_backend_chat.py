"""A role played by an engine of this package."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pytest

from omega_fast.backends.base import Prompt
from omega_fast.errors import BackendError
from omega_fast.grounded.backend_chat import BackendChat
from omega_fast.grounded.chat import ChatRequest, GoneError, RefusedError
from omega_fast.grounded.settings import Role
from omega_fast.records import FinishReason, Generation, GenerationRequest, Question


class Engine:
    """Says what it was asked, backwards in time; a prompt of `fail` fails and one of `die` ends it."""

    slots = 4

    def __init__(self) -> None:
        self.waiting: list[GenerationRequest] = []
        self.closed = False

    def fingerprint(self) -> Mapping[str, Any]:
        return {}

    def prompt(self, question: Question) -> Prompt:
        return Prompt(question.problem, ())

    def submit(self, requests: Sequence[GenerationRequest]) -> None:
        self.waiting += requests

    def cancel(self, ids: Collection[int]) -> None:
        pass

    def poll(self, timeout: float) -> list[Generation]:
        del timeout
        each = self.waiting.pop()
        if each.question.problem == "die":
            raise BackendError("the engine is out of memory")
        failed = each.question.problem == "fail"
        return [
            Generation(
                id=each.id,
                text=f"{each.question.problem} {each.seed}",
                token_ids=(),
                token_ends=(),
                n_tokens=2,
                n_prompt_tokens=3,
                finish=FinishReason.ERROR if failed else FinishReason.STOP,
                error="too long" if failed else "",
            )
        ]

    def close(self) -> None:
        self.closed = True


def asked(text: str, n: int = 1) -> ChatRequest:
    return ChatRequest((("user", text),), seed=10, n=n)


def run(*requests: ChatRequest) -> list[Any]:
    engine = Engine()

    async def everything() -> list[Any]:
        chat = BackendChat(engine, Role(model="m", backend="hf"))
        try:
            return await asyncio.gather(*map(chat.ask, requests), return_exceptions=True)
        finally:
            await chat.close()
            await chat.close()

    found = asyncio.run(everything())
    assert engine.closed
    return found


def test_each_request_gets_its_own_answers() -> None:
    first, second = run(asked("a", n=3), asked("b"))
    assert first.texts == ("a 10", "a 11", "a 12")
    assert (first.n_prompt_tokens, first.n_tokens) == (9, 6)
    assert second.texts == ("b 10",)


def test_a_failed_request_is_refused_and_the_others_go_on() -> None:
    first, second = run(asked("fail"), asked("b"))
    assert isinstance(first, RefusedError)
    assert second.texts == ("b 10",)


@pytest.mark.timeout(30)
def test_when_the_engine_dies_nobody_waits_for_ever() -> None:
    found = run(asked("die"), asked("b"), asked("c"))
    assert any(isinstance(each, GoneError) and "out of memory" in str(each) for each in found)
    assert all(isinstance(each, GoneError) or each.texts for each in found)
