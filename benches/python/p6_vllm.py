"""The vLLM side of `bench_p6`: our client of `AsyncLLM`, and a bare one, on an `AsyncLLM` that answers at once."""

from __future__ import annotations

import asyncio
import time
import warnings
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

from bench_p6 import AtOnce, NoLog, no_collector
from omega_fast.records import Sampling

with warnings.catch_warnings(action="ignore"):  # importing vLLM brings those of its own libraries
    from vllm import SamplingParams
    from vllm.inputs.engine import tokens_input
    from vllm.sampling_params import RequestOutputKind

    from omega_fast.backends import vllm_engine

__all__ = ["bare_vllm", "to_vllm"]


class AtOnceLLM:
    """What `VllmEngine` and a bare client use of `AsyncLLM`."""

    errored = False

    def __init__(self, answers: list[list[int]]) -> None:
        self.n_requests = 0
        self._answers = answers

    async def generate(
        self, prompt: Any, params: SamplingParams, request_id: str, **_: Any
    ) -> AsyncIterator[Any]:
        del prompt, request_id
        self.n_requests += 1
        await asyncio.sleep(0)
        ids = self._answers[params.seed % len(self._answers)]
        yield SimpleNamespace(
            outputs=[SimpleNamespace(token_ids=ids, finish_reason="stop")], num_cached_tokens=0
        )

    def shutdown(self) -> None:
        """Nothing is running."""


def to_vllm(world: Any) -> float:
    """Pump, backend and `VllmEngine`; microseconds of this process for a request."""
    llm = AtOnceLLM(world.answers)

    async def start(_: Any) -> AtOnceLLM:
        return llm

    before = vllm_engine._start, vllm_engine.AsyncEngineArgs
    vllm_engine._start, vllm_engine.AsyncEngineArgs = start, SimpleNamespace  # type: ignore[assignment,misc]
    try:
        engine = vllm_engine.VllmEngine({}, Sampling(), stop_ids=[0], stop_texts=[])
    finally:
        vllm_engine._start, vllm_engine.AsyncEngineArgs = before  # type: ignore[misc]
    pump = world.pump(NoLog(), AtOnce(), world.backend_over(engine))
    with no_collector():
        begun = time.process_time()
        pump.run()
        spent = time.process_time() - begun
    engine.close()
    return 1e6 * spent / llm.n_requests


def bare_vllm(world: Any) -> float:
    """A task a request, and its text; microseconds of this process for a request."""
    llm = AtOnceLLM(world.answers)
    asked_ids = world.baseline_ids(world.backend()[0])
    texts: list[str] = []

    async def one(number: int) -> None:
        params = SamplingParams(
            temperature=0.7,
            top_k=30,
            top_p=0.9,
            seed=number,
            max_tokens=2048,
            stop_token_ids=[0],
            detokenize=False,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
        async for output in llm.generate(tokens_input(asked_ids(number)), params, str(number)):
            texts.append(world.tokenizer.decode(output.outputs[0].token_ids[:-1]))

    async def all_of_them() -> None:
        for first in range(0, world.n_requests, 512):
            await asyncio.gather(*map(one, range(first, min(first + 512, world.n_requests))))

    with no_collector():
        begun = time.process_time()
        asyncio.run(all_of_them())
        spent = time.process_time() - begun
    return 1e6 * spent / llm.n_requests
