"""vLLM's AsyncLLM in a thread of its own: draws go in together, outcomes come out of one queue.

The engine's processes start with SIGINT blocked: the interrupt of a terminal goes to every process in the
foreground, and a run that is to drain still needs its engine.
"""

from __future__ import annotations

import asyncio
import itertools
import queue
import signal
from collections.abc import Collection, Coroutine, Mapping, Sequence
from functools import partial
from multiprocessing import resource_tracker
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

from vllm import SamplingParams
from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.inputs.engine import tokens_input
from vllm.lora.request import LoRARequest
from vllm.platforms import current_platform
from vllm.sampling_params import RequestOutputKind
from vllm.v1.engine.async_llm import AsyncLLM

from omega_fast.backends.vllm_draws import Draw, Outcome
from omega_fast.errors import BackendError, ConfigError
from omega_fast.records import Sampling

__all__ = ["VllmEngine", "visible_devices"]

_RESUME = "look at its messages above, then run the same command again: it resumes"
_T = TypeVar("_T")


class VllmEngine:
    """A running engine with its processes; calls come from one thread.

    Args:
        arguments: Keywords of `AsyncEngineArgs`.
        sampling: Of every draw.
        stop_ids: Ids that end a draw.
        stop_texts: Texts that end a draw; vLLM looks for them in its front end, a step later.
        adapter: Folder of a LoRA adapter for every draw.

    Raises:
        ConfigError: If vLLM does not know an argument.
        BackendError: If it cannot start.
    """

    def __init__(
        self,
        arguments: Mapping[str, Any],
        sampling: Sampling,
        *,
        stop_ids: Collection[int],
        stop_texts: Collection[str],
        adapter: Path | None = None,
    ) -> None:
        try:
            engine_args = AsyncEngineArgs(**arguments)
        except TypeError as error:
            raise ConfigError(
                f"engine_args: {error}", hint="use the names of vLLM's engine arguments, with underscores"
            ) from error
        self._lora = LoRARequest("adapter", 1, str(adapter)) if adapter else None
        self._sampling = {
            "temperature": sampling.temperature,
            "top_k": sampling.top_k,
            "top_p": sampling.top_p,
            "stop_token_ids": sorted(stop_ids),
            "stop": sorted(stop_texts),
            "detokenize": bool(stop_texts),
            "skip_special_tokens": False,
            "spaces_between_special_tokens": False,
            "output_kind": RequestOutputKind.FINAL_ONLY,
        }
        self._fresh: list[Outcome] = []
        self._outcomes: queue.SimpleQueue[list[Outcome]] = queue.SimpleQueue()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._is_dead = False
        self._forced_ids = itertools.count()
        self._loop = asyncio.new_event_loop()
        # Started later it would unblock SIGINT in the thread that starts it.
        resource_tracker.ensure_running()
        self._thread = Thread(target=self._run_loop, name="vllm", daemon=True)
        self._thread.start()
        try:
            self._llm = self._call(_start(engine_args))
        except Exception as error:  # whatever a model, a driver or a worker raises
            self._end_loop()
            raise BackendError(
                f"vLLM cannot start: {error}",
                hint="look at its messages above; VLLM_LOGGING_LEVEL=INFO shows more of them",
            ) from error

    def submit(self, draws: Sequence[Draw]) -> None:
        """Queue draws, in this order. Raises `BackendError` if the engine is gone."""
        self._check_alive()
        self._loop.call_soon_threadsafe(self._launch, draws)

    def abort(self, tickets: Collection[int]) -> None:
        """Stop these draws; an outcome that is out already may still come."""
        self._loop.call_soon_threadsafe(self._cancel, tuple(tickets))

    def collect(self, timeout: float) -> list[Outcome]:
        """All outcomes there are, after at most `timeout` seconds of waiting for the first.

        Raises `BackendError` if the engine is gone and there is none.
        """
        outcomes: list[Outcome] = []
        try:
            outcomes.extend(self._outcomes.get(timeout=timeout))
            while True:
                outcomes.extend(self._outcomes.get_nowait())
        except queue.Empty:
            pass
        if not outcomes:
            self._check_alive()
        return outcomes

    def use_adapter(self, name: str, number: int, folder: Path) -> None:
        """Make every draw from now on with another LoRA adapter.

        What is computed with an adapter is kept under its name, so neither name nor number may ever come again.
        """
        self._lora = LoRARequest(name, number, str(folder))

    def forced_log_probs(self, token_ids: Sequence[int], start: int) -> list[float]:
        """The log-probability, at temperature 1, of each token from `start` on, given those before it.

        Each is asked for as a draw that has no choice, from what the engine keeps of the tokens before: vLLM computes
        the log-probabilities of a prompt anew, so these would not show that it keeps something old.

        Raises:
            BackendError: If the engine is gone, or refuses the text.
        """
        self._check_alive()
        try:
            return self._call(self._forced(list(token_ids), start))
        except Exception as error:  # vLLM has no base class of what it raises
            raise BackendError(
                f"vLLM cannot tell log-probabilities: {error}", hint="look at its messages above"
            ) from error

    def forget_prefixes(self) -> None:
        """Empty the prefix cache. Raises `BackendError` if the engine is gone."""
        self._check_alive()
        self._call(self._llm.reset_prefix_cache())

    def close(self) -> None:
        """End the engine's processes. May be called twice."""
        if self._thread.is_alive():
            self._call(self._shut_down())
            self._end_loop()
            # Its finaliser may not wait for the end of the interpreter, which takes away what it needs.
            del self._llm

    def _check_alive(self) -> None:
        if not self._thread.is_alive():
            raise BackendError("the vllm backend is closed", hint="open it again")
        if self._is_dead or self._llm.errored:
            raise BackendError("the vLLM engine has died", hint=_RESUME)

    def _run_loop(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _launch(self, draws: Sequence[Draw]) -> None:
        for draw in draws:
            task = self._loop.create_task(self._draw(draw))
            self._tasks[draw.ticket] = task
            task.add_done_callback(partial(self._forget, draw.ticket))

    def _forget(self, ticket: int, _: asyncio.Task[None]) -> None:
        self._tasks.pop(ticket, None)

    def _cancel(self, tickets: Sequence[int]) -> None:
        for ticket in tickets:
            if (task := self._tasks.get(ticket)) is not None:
                task.cancel()

    def _parameters(self, draw: Draw) -> SamplingParams:
        own: dict[str, Any] = {}
        if draw.stop:
            own = {"stop": sorted({*self._sampling["stop"], *draw.stop}), "detokenize": True}
        if draw.greedy:
            own |= {"temperature": 0.0, "top_k": 0, "top_p": 1.0}
        return SamplingParams(max_tokens=draw.max_tokens, seed=draw.seed, **(self._sampling | own))

    async def _draw(self, draw: Draw) -> None:
        outcome = None
        try:
            async for output in self._llm.generate(
                tokens_input(draw.token_ids),
                self._parameters(draw),
                str(draw.ticket),
                lora_request=self._lora,
                data_parallel_rank=draw.replica,
            ):
                made = output.outputs[0]
                reason = made.finish_reason or "error"
                cached = output.num_cached_tokens or 0
                outcome = Outcome(draw.ticket, made.token_ids, reason, cached)
        except Exception as error:  # a draw must come back whatever became of it
            if self._llm.errored:
                self._is_dead = True
                self._hand_over()  # wakes `collect`
                return
            outcome = Outcome(draw.ticket, (), "error", error=f"{type(error).__name__}: {error}")
        if outcome is not None:
            self._deliver(outcome)

    async def _forced(self, token_ids: list[int], start: int) -> list[float]:
        return list(
            await asyncio.gather(*(self._forced_at(token_ids, at) for at in range(start, len(token_ids))))
        )

    async def _forced_at(self, token_ids: list[int], at: int) -> float:
        token, found = token_ids[at], float("nan")
        parameters = SamplingParams(
            max_tokens=1,
            temperature=1.0,
            allowed_token_ids=[token],
            logprobs=0,
            detokenize=False,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
        async for output in self._llm.generate(
            tokens_input(token_ids[:at]),
            parameters,
            f"forced-{next(self._forced_ids)}",
            lora_request=self._lora,
        ):
            told = output.outputs[0].logprobs
            if told:
                found = float(told[0][token].logprob)
        return found

    def _deliver(self, outcome: Outcome) -> None:
        """What ends in one step of the engine goes over together, so that `collect` wakes up once for it."""
        if not self._fresh:
            self._loop.call_soon(self._hand_over)
        self._fresh.append(outcome)

    def _hand_over(self) -> None:
        fresh, self._fresh = self._fresh, []
        self._outcomes.put(fresh)

    async def _shut_down(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._llm.shutdown()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for other in others:
            other.cancel()
        await asyncio.gather(*others, return_exceptions=True)


def visible_devices() -> int:
    """How many GPUs this process may use; 0 on a CPU."""
    return 0 if current_platform.is_cpu() else int(current_platform.device_count())


async def _start(engine_args: AsyncEngineArgs) -> AsyncLLM:
    """The engine, built where its event loop runs."""
    return AsyncLLM.from_engine_args(engine_args)
