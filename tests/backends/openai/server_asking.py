"""Requests to a backend, and all that comes back."""

from __future__ import annotations

from typing import Any

from tests.engine.fakes import questions

from omega_fast.backends.openai import OpenAIBackend
from omega_fast.records import Generation, GenerationRequest, Sampling

__all__ = ["SAMPLING", "drain", "one", "request"]

SAMPLING = Sampling(temperature=1.0, top_k=0, top_p=1.0, max_new_tokens=200)

_WAIT_S = 20.0


def request(number: int = 0, **changes: Any) -> GenerationRequest:
    (question,) = questions(1)
    fields = {
        "id": number,
        "question": question,
        "prefix": "",
        "prefix_tokens": None,
        "seed": 100 + number,
        "max_new_tokens": 200,
    }
    return GenerationRequest(**(fields | changes))


def drain(backend: OpenAIBackend, requests: list[GenerationRequest]) -> dict[int, Generation]:
    backend.submit(requests)
    done: dict[int, Generation] = {}
    while len(done) < len(requests):
        came = backend.poll(_WAIT_S)
        assert came, "nothing came back in time"
        for generation in came:
            assert generation.id not in done
            done[generation.id] = generation
    return done


def one(backend: OpenAIBackend, **changes: Any) -> Generation:
    return drain(backend, [request(**changes)])[changes.get("number", 0)]
