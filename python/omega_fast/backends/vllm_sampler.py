"""A policy in training, sampled by vLLM: every version of its weights is a LoRA adapter with a name of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Protocol

from omega_fast.backends.base import Backend
from omega_fast.backends.shared_sampler import draw_all
from omega_fast.errors import BackendError
from omega_fast.records import Generation, Question

__all__ = ["AdapterEngine", "VllmSampler"]


class AdapterEngine(Protocol):
    """What is asked of a running vLLM beside draws."""

    def use_adapter(self, name: str, number: int, folder: Path) -> None:
        """Make every draw from now on with another adapter."""
        ...

    def forced_log_probs(self, token_ids: Sequence[int], start: int) -> list[float]:
        """The log-probability of each token from `start` on."""
        ...


class VllmSampler:
    """vLLM beside the trainer; a `Sampler`. The engine starts with the first weights.

    Its prefix cache keeps what it computed under the name of the adapter, so a name that comes once can never bring
    back what older weights made of a prompt.

    Args:
        start: Starts the engine with the adapter in a folder.
        max_new_tokens: The longest solution.
    """

    reads_files = True

    def __init__(self, start: Callable[[Path], tuple[Backend, AdapterEngine]], max_new_tokens: int) -> None:
        self._start = start
        self._max_new_tokens = max_new_tokens
        self._version = -1
        self._opened: tuple[Backend, AdapterEngine] | None = None
        self._ids = count()
        self._loads = count(2)

    @property
    def version(self) -> int:
        """The version of the weights that it samples with."""
        return self._version

    def sample(
        self, prompts: Sequence[Question], n: int, seeds: Sequence[Sequence[int]]
    ) -> list[list[Generation]]:
        """`n` solutions of each prompt. Raises `BackendError` if the engine is gone, or could not draw one."""
        backend, _ = self._running()
        return draw_all(backend, prompts, n, seeds, ids=self._ids, max_new_tokens=self._max_new_tokens)

    def log_probs(self, prompt: Question, token_ids: Sequence[int]) -> list[float]:
        """The log-probability of each token, at temperature 1, as draws of it would have it."""
        backend, engine = self._running()
        before = list(backend.prompt(prompt).token_ids)
        return engine.forced_log_probs([*before, *token_ids], len(before))

    def load(self, version: int, weights: Path | None = None) -> None:
        """Sample with the adapter in a folder from now on. Raises `BackendError` without one."""
        if weights is None:
            raise BackendError("vLLM reads weights from a folder", hint="give one to load")
        if self._opened is None:
            self._opened = self._start(weights)
        else:
            # Neither name nor number has ever been there, even if a version is loaded twice
            number = next(self._loads)
            self._opened[1].use_adapter(f"version-{version}-{number}", number, weights.resolve())
        self._version = version

    def close(self) -> None:
        """End the engine."""
        if self._opened is not None:
            self._opened[0].close()

    def _running(self) -> tuple[Backend, AdapterEngine]:
        if self._opened is None:
            raise BackendError("vLLM has no weights yet", hint="load some first")
        return self._opened
