"""Scripted servers and backends on them, closed when a test ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from scripted_server import Act, Ask, Powers, ScriptedServer
from server_asking import SAMPLING
from transformers import AutoTokenizer

from omega_fast.backends.openai import OpenAIBackend, open_openai
from omega_fast.models.ledger_policy import ASSETS
from omega_fast.records import Sampling

Serve = Callable[..., ScriptedServer]
OpenServer = Callable[..., OpenAIBackend]


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(ASSETS)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


@pytest.fixture
def serve(tokenizer: Any) -> Iterator[Serve]:
    servers: list[ScriptedServer] = []

    def start(script: Callable[[Ask], Act] = lambda _: Act(), **powers: Any) -> ScriptedServer:
        # A script is about the run: what the start asks is answered, unless a test says otherwise.
        probes = powers.pop("probes", False)
        server = ScriptedServer(
            tokenizer, Powers(**powers), lambda ask: script(ask) if probes or not ask.is_probe else Act()
        )
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def open_on() -> Iterator[OpenServer]:
    opened: list[OpenAIBackend] = []

    def open_one(
        server: ScriptedServer | str, sampling: Sampling = SAMPLING, **options: Any
    ) -> OpenAIBackend:
        url = server if isinstance(server, str) else server.url
        defaults = {
            "model": "tiny",
            "base_url": url,
            "tokenizer": str(ASSETS),
            "prompt": {"text": "{problem}\n", "style": "plain"},
            "slots": 4,
            "retries": 3,
            "request_timeout": 20.0,
            "first_wait": 0.001,
            "longest_wait": 0.2,
        }
        opened.append(open_openai(defaults | options, sampling))
        return opened[-1]

    yield open_one
    for backend in opened:
        backend.close()
