"""Stub servers, closed when a test ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from omega_fast.backends.server_settings import ServedModel
from omega_fast.models.scorers import ScorerOptions
from tests.models.scorers.stub_server import Ask, StubServer


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


@pytest.fixture
def serve() -> Iterator[Callable[..., StubServer]]:
    servers: list[StubServer] = []

    def start(answer: Callable[[Ask], Any], **more: Any) -> StubServer:
        servers.append(StubServer(answer, **more))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def asking() -> Callable[..., ScorerOptions]:
    """Options of a scorer behind a server, with little patience."""

    def options(server: StubServer | str, **more: Any) -> ScorerOptions:
        url = server if isinstance(server, str) else server.url
        own = {name: more.pop(name) for name in tuple(more) if name in ScorerOptions.__slots__}
        patience = {"retries": 2, "request_timeout": 20.0, "first_wait": 0.001, "longest_wait": 0.2}
        return ScorerOptions(server=ServedModel(base_url=url, **{**patience, **more}), **own)

    return options
