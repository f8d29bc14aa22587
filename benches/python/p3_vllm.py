"""The vLLM side of `bench_p3`: our backend on an engine held to a trace's lengths, and bare `AsyncLLM`."""

from __future__ import annotations

import asyncio
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from trace_of_run import LEDGER_PROMPT, SAMPLING, Cost, Trace, Traced, cpu_clock, search_once

with warnings.catch_warnings(action="ignore"):  # importing vLLM brings those of its own libraries
    from omega_fast.backends.vllm import open_vllm, prepare_environment

    prepare_environment(1)
    from vllm import SamplingParams
    from vllm.inputs.engine import tokens_input
    from vllm.sampling_params import RequestOutputKind

    from omega_fast.backends import vllm_engine

from omega_fast.backends.vllm_draws import Draw, Outcome

__all__ = ["Side"]

ENGINE = {
    "enforce_eager": True,
    "block_size": 32,
    "kv_cache_memory_bytes": 2**29,
    "max_num_batched_tokens": 4096,
}


class Side:
    """A vLLM backend whose draws have a trace's lengths and come back with its ids."""

    def __init__(self, model: Path, trace: Trace, slots: int) -> None:
        self.others: dict[str, Callable[[], Cost]] = {}
        self._trace = trace
        options = {"model": str(model), "slots": slots, "threads": 1, "prompt": LEDGER_PROMPT}
        original, vllm_engine.VllmEngine = vllm_engine.VllmEngine, _held_to(trace)  # type: ignore[misc]
        try:
            self._backend = open_vllm({**options, "engine_args": ENGINE}, SAMPLING)
        finally:
            vllm_engine.VllmEngine = original  # type: ignore[misc]
        self._engine: Any = self._backend._engine

    def search(self) -> Cost:
        self._engine.forget_prefixes()
        return search_once(self._trace, self._backend)

    def bare(self) -> Cost:
        """A task a request, submitted together, depth first."""
        self._engine.forget_prefixes()
        draws = self._trace.depth_first()
        clock = cpu_clock()
        cpu, start = clock(), time.perf_counter()
        made = self._engine._call(self._generate_all(draws))
        cost = Cost(time.perf_counter() - start, clock() - cpu)
        assert made == self._trace.n_tokens
        return cost

    async def _generate_all(self, draws: Sequence[Traced]) -> int:
        return sum(await asyncio.gather(*map(self._generate_one, draws)))

    async def _generate_one(self, draw: Traced) -> int:
        made = 0
        async for output in self._engine._llm.generate(
            tokens_input(list(draw.prompt_ids)), _parameters(draw), f"bare-{draw.seed}"
        ):
            made = len(output.outputs[0].token_ids)
        return made

    def close(self) -> None:
        self._backend.close()


def _held_to(trace: Trace) -> type:
    """`VllmEngine` with the lengths of a trace; this CPU build cannot force ids (`trace_decode_token_ids`)."""

    class Held(vllm_engine.VllmEngine):
        def submit(self, draws: Sequence[Draw]) -> None:
            held = self.__dict__.setdefault("_held", {})
            held.update((draw.ticket, trace.by_seed[draw.seed]) for draw in draws)
            super().submit(draws)

        def collect(self, timeout: float) -> list[Outcome]:
            return [self._recorded(outcome) for outcome in super().collect(timeout)]

        def _recorded(self, outcome: Outcome) -> Outcome:
            draw = self._held.pop(outcome.ticket)
            assert len(outcome.token_ids) == len(draw.token_ids), outcome.error
            return replace(outcome, token_ids=draw.token_ids, reason=draw.finish.value)

        def _parameters(self, draw: Draw) -> SamplingParams:
            return _parameters(trace.by_seed[draw.seed])

    return Held


def _parameters(draw: Traced) -> SamplingParams:
    return SamplingParams(
        temperature=SAMPLING.temperature,
        top_k=SAMPLING.top_k,
        top_p=SAMPLING.top_p,
        seed=draw.seed,
        max_tokens=len(draw.token_ids),
        ignore_eos=True,
        detokenize=False,
        skip_special_tokens=False,
        spaces_between_special_tokens=False,
        output_kind=RequestOutputKind.FINAL_ONLY,
    )
