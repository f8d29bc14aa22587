"""The transformers side of `bench_p3`: our backend forced along a trace, its batch driven bare, and two others."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import ContinuousBatchingConfig, GenerationConfig

from omega_fast.backends import running_batch
from omega_fast.backends.running_batch import Row
from omega_fast.backends.sampler import sample_tokens, seed_key
from omega_fast.backends.transformers import open_transformers
from omega_fast.records import GenerationRequest, Question
from trace_of_run import LEDGER_PROMPT, SAMPLING, Cost, Trace, cpu_clock, search_once

__all__ = ["Side"]

_NOBODY = Question("none", "", None)


class Side:
    """A transformers backend whose draws follow a trace."""

    def __init__(self, model: Path, trace: Trace, slots: int) -> None:
        torch.set_num_threads(1)
        options = {"model": str(model), "slots": slots, "threads": 1, "prompt": LEDGER_PROMPT}
        self._backend = open_transformers(options, SAMPLING)
        self._trace = trace
        self._slots = slots
        running_batch.sample_tokens = _forced(trace)  # type: ignore[assignment]
        self._spent = Cost(0, 0)
        batch: Any = self._backend._batch
        batch.turn = self._clocked(batch.turn, counts=True)
        batch.admit = self._clocked(batch.admit)
        batch.drop = self._clocked(batch.drop)
        self.others: dict[str, Callable[[], Cost]] = {
            "generate": self._generate,
            "continuous_batching_of_transformers": self._continuous,
        }

    def search(self) -> Cost:
        before = self._spent
        return self._with_spent(search_once(self._trace, self._backend), before)

    def _with_spent(self, cost: Cost, before: Cost) -> Cost:
        spent = self._spent
        return replace(
            cost,
            turns=spent.turns - before.turns,
            keys=spent.keys - before.keys,
            engine_cpu_seconds=spent.engine_cpu_seconds - before.engine_cpu_seconds,
        )

    def _clocked(self, call: Callable[..., Any], *, counts: bool = False) -> Callable[..., Any]:
        """A call of the batch that books its CPU time, and if it is a turn, its work."""

        def clocked(*arguments: Any) -> Any:
            spent, start = self._spent, time.thread_time()
            if counts:
                batch: Any = self._backend._batch
                spent = replace(
                    spent, turns=spent.turns + 1, keys=spent.keys + len(batch.rows) * batch._span(batch.rows)
                )
            try:
                return call(*arguments)
            finally:
                cpu = spent.engine_cpu_seconds + time.thread_time() - start
                self._spent = replace(spent, engine_cpu_seconds=cpu)

        return clocked

    @torch.inference_mode()
    def bare(self) -> Cost:
        """The running batch alone: ids in, ids out."""
        batch = self._backend._batch
        assert batch is not None
        waiting = deque(
            Row(
                GenerationRequest(0, _NOBODY, "", None, draw.seed, len(draw.token_ids)),
                draw.prompt_ids,
                len(draw.token_ids),
            )
            for draw in self._trace.depth_first()
        )
        made, before = 0, self._spent
        start = _clocks()
        while waiting or batch.rows:
            if batch.free >= max(1, self._slots // 16):
                batch.admit([waiting.popleft() for _ in range(min(batch.free, len(waiting)))])
            batch.turn()
            leavers = [row for row in batch.rows if len(row.generated) >= row.max_tokens]
            made += sum(len(row.generated) for row in leavers)
            batch.drop(leavers)
        cost = _since(start)
        assert made == self._trace.n_tokens
        return self._with_spent(cost, before)

    @torch.inference_mode()
    def _generate(self) -> Cost:
        """`model.generate` in batches of draws that are equally long."""
        model = self._backend._checkpoint.model
        draws = sorted(self._trace.draws, key=lambda draw: (len(draw.token_ids), len(draw.prompt_ids)))
        start = _clocks()
        for first in range(0, len(draws), self._slots):
            batch = draws[first : first + self._slots]
            width = max(len(draw.prompt_ids) for draw in batch)
            ids = torch.tensor([[0] * (width - len(draw.prompt_ids)) + [*draw.prompt_ids] for draw in batch])
            mask = torch.tensor(
                [[0] * (width - len(draw.prompt_ids)) + [1] * len(draw.prompt_ids) for draw in batch]
            )
            length = max(len(draw.token_ids) for draw in batch)
            model.generate(
                input_ids=ids,
                attention_mask=mask,
                do_sample=True,
                temperature=1.0,
                top_k=0,
                top_p=1.0,
                max_new_tokens=length,
                min_new_tokens=length,
                pad_token_id=0,
            )
        return _since(start)

    def _continuous(self) -> Cost:
        """transformers' own continuous batching, on the same model; it knows no seed of a request's own."""
        model: Any = self._backend._checkpoint.model
        before = model.config._attn_implementation
        config = GenerationConfig(do_sample=True, temperature=1.0, top_k=0, top_p=1.0, max_new_tokens=128)
        config.eos_token_id = -1
        batching = ContinuousBatchingConfig(
            page_size=32, num_blocks=1024, max_batch_tokens=2048, max_requests_per_batch=self._slots, seed=0
        )
        draws = self._trace.depth_first()
        with model.continuous_batching_context_manager(
            generation_config=config, continuous_batching_config=batching, block=True, timeout=5, warmup=False
        ) as manager:
            start = _clocks()
            for number, draw in enumerate(draws):
                manager.add_request(
                    list(draw.prompt_ids), request_id=str(number), max_new_tokens=len(draw.token_ids)
                )
            made = done = 0
            while done < len(draws):
                result = manager.get_result(timeout=60)
                if result is None:
                    raise RuntimeError("nothing came for a minute")
                if result.is_finished():
                    if result.error:
                        raise RuntimeError(result.error)
                    done += 1
                    made += len(result.generated_tokens)
            cost = _since(start)
        model.set_attn_implementation(before)
        assert made == self._trace.n_tokens, (made, self._trace.n_tokens)
        return cost

    def close(self) -> None:
        self._backend.close()


def _forced(trace: Trace) -> Callable[..., Tensor]:
    """`sample_tokens` with its answer replaced by the trace's."""
    longest = max(len(draw.token_ids) for draw in trace.draws)
    table = torch.zeros(len(trace.draws), longest, dtype=torch.int64)
    place = {}
    for index, draw in enumerate(trace.draws):
        table[index, : len(draw.token_ids)] = torch.tensor(draw.token_ids)
        place[seed_key(draw.seed)] = index

    def sample(logits: Tensor, seeds: Tensor, steps: Tensor, sampling: Any) -> Tensor:
        sample_tokens(logits, seeds, steps, sampling)
        return table[[place[seed] for seed in seeds.tolist()], steps]

    return sample


_Start = tuple[float, float, Callable[[], float]]


def _clocks() -> _Start:
    clock = cpu_clock()
    return time.perf_counter(), clock(), clock


def _since(start: _Start) -> Cost:
    return Cost(time.perf_counter() - start[0], start[2]() - start[1])
