"""A token classifier in vLLM in this process's keeping: the probability of one class at chosen tokens.

The engine's processes start with SIGINT blocked, as those of `vllm_engine` do.
"""

from __future__ import annotations

import itertools
import signal
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from multiprocessing import resource_tracker
from typing import Any

from vllm import PoolingParams
from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.inputs.engine import tokens_input
from vllm.v1.engine.async_llm import AsyncLLM

from omega_fast.backends.loop_thread import LoopThread
from omega_fast.backends.token_classes import TokenClasses
from omega_fast.errors import BackendError, ConfigError, InputError

__all__ = ["PoolingEngine"]

_TASK = "token_classify"


class PoolingEngine:
    """A running engine with its processes that tells for every token how probable each class is.

    Sequences queue in the engine, which works on as many at once as fit; one request each.

    Args:
        arguments: Keywords of `AsyncEngineArgs`.
        classes: What the model tells.

    Raises:
        ConfigError: If vLLM does not know an argument.
        BackendError: If it cannot start, or its model is another.
    """

    def __init__(self, arguments: Mapping[str, Any], classes: TokenClasses) -> None:
        self._classes = classes
        try:
            engine_args = AsyncEngineArgs(**arguments, runner="pooling")
        except TypeError as error:
            raise ConfigError(
                f"engine_args: {error}", hint="use the names of vLLM's engine arguments, with underscores"
            ) from error
        self._ids = itertools.count()
        # Started later it would unblock SIGINT in the thread that starts it.
        resource_tracker.ensure_running()
        self._loop: LoopThread | None = LoopThread("vllm-pooling", blocking=(signal.SIGINT,))
        try:
            self._llm = self._loop.run(_started(engine_args))
            self._loop.run(self._scores(classes.ids, classes.positions))
        except Exception as error:  # whatever a model, a driver or a worker raises
            self.close()
            raise BackendError(
                f"vLLM cannot start: {error}",
                hint="look at its messages above; VLLM_LOGGING_LEVEL=INFO shows more of them",
            ) from error

    def start(self, ids: Sequence[int], positions: Sequence[int]) -> Future[list[float]]:
        """The probability of the class at each position, in order.

        The future raises `InputError` if vLLM refuses the sequence, `BackendError` if the engine has died.

        Raises:
            BackendError: After `close`.
        """
        if self._loop is None:
            raise BackendError("the vLLM engine is closed", hint="open it again")
        return self._loop.start(self._scores(ids, positions))

    def counts(self) -> Mapping[str, int]:
        """Nothing is tried twice."""
        return {}

    def close(self) -> None:
        """End the engine's processes. May be called twice."""
        if self._loop is not None:
            loop, self._loop = self._loop, None
            if hasattr(self, "_llm"):
                loop.run(self._end())
                # Its finaliser may not wait for the end of the interpreter, which takes away what it needs.
                del self._llm
            loop.close()

    async def _end(self) -> None:
        self._llm.shutdown()

    async def _scores(self, ids: Sequence[int], positions: Sequence[int]) -> list[float]:
        marker = self._classes.marker
        parameters = PoolingParams(task=_TASK, use_activation=True, step_tag_id=marker)
        rows = None
        try:
            async for output in self._llm.encode(
                tokens_input(list(ids)), parameters, f"score-{next(self._ids)}"
            ):
                rows = output.outputs.data
        except Exception as error:  # vLLM has no base class of what it raises
            if self._llm.errored:
                raise BackendError(
                    "the vLLM engine has died", hint="look at its messages above; the same command goes on"
                ) from error
            raise InputError(f"vLLM refuses it: {error}", hint="leave the solution out") from error
        told = len(ids) if marker is None else len(positions)
        if rows is None or tuple(rows.shape) != (told, self._classes.count):
            found = "nothing" if rows is None else f"{tuple(rows.shape)} numbers"
            raise BackendError(
                f"vLLM returned {found} for {told} tokens and {self._classes.count} classes",
                hint="check that the checkpoint is a token classifier of this shape",
            )
        wanted = rows if marker is not None else rows[list(positions)]
        scores: list[float] = wanted[:, -1].float().tolist()
        return scores


async def _started(engine_args: AsyncEngineArgs) -> AsyncLLM:
    """The engine, built where its event loop runs."""
    return AsyncLLM.from_engine_args(engine_args)
