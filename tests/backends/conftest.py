"""Checkpoints made once for all tests of the backends, and backends that are closed when a test ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_checkpoints import ARCHITECTURES, save_checkpoint
from transformers.utils import logging

from omega_fast.backends.transformers import TransformersBackend, open_transformers
from omega_fast.records import Generation, GenerationRequest, Sampling

torch.set_num_threads(1)
logging.disable_progress_bar()

OpenBackend = Callable[..., TransformersBackend]


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {name: save_checkpoint(tmp_path_factory.mktemp(name), name) for name in ARCHITECTURES}


@pytest.fixture
def open_tiny(checkpoints: dict[str, Path]) -> Iterator[OpenBackend]:
    opened: list[TransformersBackend] = []

    def open_one(
        architecture: str = "llama", sampling: Sampling | None = None, **options: Any
    ) -> TransformersBackend:
        settings = {"model": str(checkpoints[architecture]), "slots": 4, **options}
        backend = open_transformers(settings, sampling or Sampling(temperature=1.0))
        opened.append(backend)
        return backend

    yield open_one
    for backend in opened:
        backend.close()


@pytest.fixture
def drain() -> Callable[[TransformersBackend, list[GenerationRequest]], dict[int, Generation]]:
    def submit_and_drain(
        backend: TransformersBackend, requests: list[GenerationRequest]
    ) -> dict[int, Generation]:
        backend.submit(requests)
        generations: dict[int, Generation] = {}
        while len(generations) < len(requests):
            finished = backend.poll(5.0)
            assert finished, "a poll that may take long came back with nothing"
            for generation in finished:
                assert generation.id not in generations
                generations[generation.id] = generation
        return generations

    return submit_and_drain
