"""One vLLM engine and one vLLM server for all tests here, since a start takes most of a minute."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from omega_fast.backends.base import Backend
from omega_fast.models.ledger_policy import ASSETS
from omega_fast.records import Generation, GenerationRequest, Question
from omega_fast.tasks.ledger import LedgerConfig, questions
from tests.vllm.opened import CONTEXT, N_QUESTIONS, open_served_at, open_transformers_with, open_vllm_with
from tests.vllm.server import SERVED_NAME, VllmServer

Drain = Callable[[Backend, Sequence[GenerationRequest]], dict[int, Generation]]


@dataclass(frozen=True)
class Engines:
    """The same policy in vLLM and in transformers."""

    vllm: Any
    transformers: Any


@pytest.fixture(scope="session")
def long_policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ledger policy with room for long prompts; what it writes after short ones is the same."""
    folder = tmp_path_factory.mktemp("policy") / "ledger_policy"
    shutil.copytree(ASSETS, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"max_position_embeddings": CONTEXT}))
    return folder


@pytest.fixture(scope="session")
def engines(long_policy: Path) -> Iterator[Engines]:
    vllm = open_vllm_with(long_policy)
    transformers = open_transformers_with(long_policy)
    yield Engines(vllm, transformers)
    vllm.close()
    transformers.close()


@pytest.fixture(scope="session")
def server(long_policy: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VllmServer]:
    """The ledger policy behind vLLM's own OpenAI-compatible API, as a chat model too."""
    folder = tmp_path_factory.mktemp("server")
    template = folder / "chat.jinja"
    template.write_text("{% for message in messages %}{{ message['content'] }}\n{% endfor %}")
    server = VllmServer(long_policy, CONTEXT, folder / "log", ["--chat-template", str(template)])
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("NO_PROXY", "127.0.0.1")
        try:
            print(f"the server answers after {server.start():.0f} s")
            yield server
        finally:
            server.kill()


@pytest.fixture(scope="session")
def served(server: VllmServer, long_policy: Path) -> Iterator[Backend]:
    """The engine for servers, with that server behind it."""
    backend = open_served_at(server.url, SERVED_NAME, long_policy)
    yield backend
    backend.close()


@pytest.fixture(scope="session")
def ledger() -> list[Question]:
    return list(questions(LedgerConfig(), N_QUESTIONS, 0, "test"))


@pytest.fixture
def drain() -> Drain:
    def submit_and_drain(backend: Backend, requests: Sequence[GenerationRequest]) -> dict[int, Generation]:
        backend.submit(requests)
        generations: dict[int, Generation] = {}
        while len(generations) < len(requests):
            generations |= {generation.id: generation for generation in backend.poll(60.0)}
        return generations

    return submit_and_drain
