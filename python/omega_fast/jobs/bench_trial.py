"""One setting of an engine on recorded requests: opened, warmed up, measured, closed."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

from omega_fast.backends.base import Backend, fault_in
from omega_fast.config import AnnotateConfig
from omega_fast.errors import BackendError, ConfigError
from omega_fast.jobs.opening import open_policy
from omega_fast.records import GenerationRequest
from omega_fast.speed import Trial

__all__ = ["WARM_UP", "try_setting"]

_QUEUE = 2
"""Requests kept with the engine, in multiples of its slots, as the pump keeps them."""
_WAIT_S = 0.25
WARM_UP = 0.125
"""What the shorter pass before the repeats has of their draws."""


def try_setting(
    config: AnnotateConfig,
    change: dict[str, Any],
    requests: Sequence[GenerationRequest],
    *,
    draws: int,
    repeats: int,
    deadline: float,
    open_engine: Callable[[AnnotateConfig], Backend] = open_policy,
) -> Trial:
    """The rates of a setting.

    Args:
        config: What the settings are changed against.
        change: The settings tried.
        requests: What is asked, from the first on, and again with other seeds if there are fewer than `draws`.
        draws: How many requests make a repeat.
        repeats: How many times; a shorter pass before them warms the engine up.
        deadline: By `time.monotonic`; a repeat that is not through by then does not count.
        open_engine: How an engine is opened.
    """
    rates: list[float] = []
    problem = ""
    try:
        with closing(open_engine(config.model_copy(update=change))) as engine:
            _pass(engine, _numbered(requests, max(1, int(draws * WARM_UP)), 1), deadline)
            for repeat in range(repeats):
                rates.append(_pass(engine, _numbered(requests, draws, repeat), deadline))
    except TimeoutError:
        problem = "" if rates else "not through when the time was up"
    except (BackendError, ConfigError) as error:
        problem = error.message
    if problem:
        rates = []
    return Trial(settings=change, draws=draws, rates=tuple(rates), problem=problem)


def _numbered(requests: Sequence[GenerationRequest], draws: int, repeat: int) -> list[GenerationRequest]:
    """The same prompts in the same order for every setting; seeds of a second use differ from those of the first."""
    again = [divmod(number, len(requests)) for number in range(draws)]
    return [
        replace(requests[at], id=number, seed=(requests[at].seed + (round_ + repeat) * 0x9E3779B9) % 2**63)
        for number, (round_, at) in enumerate(again)
    ]


def _pass(engine: Backend, requests: Sequence[GenerationRequest], deadline: float) -> float:
    """Generated tokens a second from the first request to the last answer.

    Raises:
        BackendError: If a request fails: a setting that loses draws is not to be had.
        TimeoutError: If the deadline comes first.
    """
    waiting = deque(requests)
    out = tokens = 0
    began = time.perf_counter()
    while waiting or out:
        room = min(_QUEUE * engine.slots - out, len(waiting))
        if room > 0:
            engine.submit([waiting.popleft() for _ in range(room)])
            out += room
        done = engine.poll(_WAIT_S)
        out -= len(done)
        for generation in done:
            if fault := fault_in(generation):
                raise BackendError(f"a draw failed: {fault}", hint="try fewer slots")
            tokens += generation.n_tokens
        if time.monotonic() > deadline:
            raise TimeoutError
    return tokens / max(time.perf_counter() - began, 1e-9)
